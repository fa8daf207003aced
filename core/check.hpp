#pragma once

#include <fmt/format.h>

#include <string_view>

#include "core/error.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// Throws ShapeError unless `tensor` has shape `expected`, which follows from the shape `match` of
/// the argument `match_name`, unless nothing but the operation asks for it:
/// "[layer_norm] gamma must be (768) to match x (2, 197, 768), got (512)".
inline void check_shape(std::string_view op, std::string_view what, const Tensor& tensor,
                        const Shape& expected, std::string_view match_name = {},
                        const Shape& match = {}) {
  if (tensor.defined() && tensor.shape() == expected) return;
  throw ShapeError(
      fmt::format("[{}] {} must be {}{}, got {}", op, what, expected.str(),
                  match_name.empty() ? "" : fmt::format(" to match {} {}", match_name, match.str()),
                  tensor.defined() ? tensor.shape().str() : "nothing"));
}

/// Throws ShapeError unless `tensor` is there and has at least `rank` axes.
inline void check_rank_at_least(std::string_view op, std::string_view what, const Tensor& tensor,
                                int64_t rank) {
  if (tensor.defined() && tensor.rank() >= rank) return;
  throw ShapeError(fmt::format("[{}] {} must have at least {} axes, got {}", op, what, rank,
                               tensor.defined() ? tensor.shape().str() : "nothing"));
}

/// Throws ShapeError unless `x` is (B, H, W, C).
inline void check_images(std::string_view op, const Tensor& x) {
  if (x.defined() && x.rank() == 4) return;
  throw ShapeError(fmt::format("[{}] x must be (B, H, W, C), got {}", op,
                               x.defined() ? x.shape().str() : "nothing"));
}

/// Throws ShapeError("[op] text") unless `condition`, which is one of shapes.
inline void check(bool condition, std::string_view op, std::string_view text) {
  if (!condition) throw ShapeError(fmt::format("[{}] {}", op, text));
}

/// Throws UsageError("[op] text") unless `condition`, which is one of values or states.
inline void check_usage(bool condition, std::string_view op, std::string_view text) {
  if (!condition) throw UsageError(fmt::format("[{}] {}", op, text));
}

/// `axis` of `shape` in [0, rank). 0 and -1 name the axis that a scalar does not have, as in
/// PyTorch: it is one row of one number. Throws ShapeError.
inline int64_t axis_or_scalar(const Shape& shape, int64_t axis) {
  if (shape.rank() == 0 && (axis == 0 || axis == -1)) return 0;
  return shape.normalize_axis(axis);
}

/// Number of rows of `tensor` seen as a matrix whose rows are its last axis.
inline int64_t rows_of(const Tensor& tensor) {
  return tensor.shape().product(0, tensor.rank() - 1);
}

}  // namespace vitrine
