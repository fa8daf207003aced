#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "core/error.hpp"
#include "core/shape.hpp"

namespace vitrine {

/// One number for each of some axes, held inline: {0, 2, 1}. Unlike a Shape's they may be negative.
class AxisList {
 public:
  AxisList() = default;
  AxisList(std::initializer_list<int64_t> values)
      : AxisList(std::span(values.begin(), values.size())) {}
  AxisList(const std::vector<int64_t>& values)  // NOLINT: implicit, as from braces
      : AxisList(std::span(values)) {}
  /// Throws ShapeError for more than Shape::kMaxRank.
  explicit AxisList(std::span<const int64_t> values) {
    for (const int64_t value : values) push_back(value);
  }
  AxisList(size_t count, int64_t value) {
    for (size_t i = 0; i < count; ++i) push_back(value);
  }

  void push_back(int64_t value) {
    if (size_ == values_.size()) {
      throw ShapeError(fmt::format("[axes] at most {} axes", Shape::kMaxRank));
    }
    values_[size_++] = value;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t operator[](size_t i) const { return values_[i]; }
  int64_t& operator[](size_t i) { return values_[i]; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + size_; }
  int64_t* begin() { return values_.data(); }
  int64_t* end() { return values_.data() + size_; }

  Shape shape() const { return Shape(std::span(begin(), size_)); }

 private:
  std::array<int64_t, Shape::kMaxRank> values_{};
  size_t size_ = 0;
};

}  // namespace vitrine
