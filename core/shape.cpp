#include "core/shape.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.hpp"

namespace vitrine {

Shape::Shape(std::span<const int64_t> dims) {
  if (dims.size() > static_cast<size_t>(kMaxRank)) {
    throw ShapeError(fmt::format("[shape] at most {} axes, got {}", kMaxRank, dims.size()));
  }
  rank_ = static_cast<int64_t>(dims.size());
  bool empty = false;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0) empty = true;  // and must not hide others whose product overflows
    if (dims[i] < 0 || (dims[i] > 0 && __builtin_mul_overflow(numel_, dims[i], &numel_))) {
      throw ShapeError(fmt::format("[shape] ({}) is negative or too large", fmt::join(dims, ", ")));
    }
    dims_[i] = dims[i];
  }
  if (empty) numel_ = 0;
}

int64_t Shape::normalize_axis(int64_t axis) const {
  if (axis < -rank_ || axis >= rank_) {
    throw ShapeError(fmt::format("[shape] axis {} is out of range for {}", axis, str()));
  }
  return axis < 0 ? axis + rank_ : axis;
}

int64_t Shape::dim(int64_t axis) const { return (*this)[normalize_axis(axis)]; }

Shape Shape::with(int64_t axis, int64_t size) const {
  auto dims = dims_;
  dims[static_cast<size_t>(normalize_axis(axis))] = size;
  return Shape(std::span<const int64_t>(dims.data(), static_cast<size_t>(rank_)));
}

int64_t Shape::product(int64_t from, int64_t to) const {
  int64_t result = 1;
  for (int64_t i = from; i < to; ++i) result *= (*this)[i];
  return result;
}

std::string Shape::str() const { return fmt::format("({})", fmt::join(dims(), ", ")); }

}  // namespace vitrine
