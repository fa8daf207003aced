#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace vitrine {

/// The size of a tensor along each axis, outermost first: (2, 197, 768). Up to kMaxRank axes, held
/// inline. A size of 0 is legal (an empty tensor); rank 0 is a scalar with one element.
class Shape {
 public:
  static constexpr int64_t kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// Throws ShapeError on more than kMaxRank axes, a negative size, or an overflowing product.
  explicit Shape(std::span<const int64_t> dims);

  int64_t rank() const { return rank_; }
  int64_t numel() const { return numel_; }
  int64_t operator[](int64_t axis) const { return dims_[static_cast<size_t>(axis)]; }
  /// The size along `axis`; negative axes count from the end. Throws ShapeError if out of range.
  int64_t dim(int64_t axis) const;
  /// `axis` as a number in [0, rank). Throws ShapeError if out of range.
  int64_t normalize_axis(int64_t axis) const;

  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  std::span<const int64_t> dims() const { return {begin(), end()}; }

  /// This shape with the size along `axis` replaced.
  Shape with(int64_t axis, int64_t size) const;
  /// Product of the sizes of axes [from, to).
  int64_t product(int64_t from, int64_t to) const;

  bool operator==(const Shape& other) const { return std::ranges::equal(dims(), other.dims()); }

  /// "(2, 197, 768)"; "()" for a scalar.
  std::string str() const;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int64_t rank_ = 0;
  int64_t numel_ = 1;
};

}  // namespace vitrine
