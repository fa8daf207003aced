#pragma once

#include <initializer_list>
#include <span>

#include "core/tensor.hpp"

namespace vitrine {

/// Joins tensors along an axis that they have: (B, 1, D) and (B, N, D) along 1 are (B, 1 + N, D).
/// Any number of parts; empty ones are legal; `axis` may be negative. Differentiable in all.
/// Throws ShapeError if there are no parts, or if their ranks or their other sizes differ.
Tensor concat(std::span<const Tensor> parts, int64_t axis);
inline Tensor concat(std::initializer_list<Tensor> parts, int64_t axis) {
  return concat(std::span(parts.begin(), parts.size()), axis);
}

/// Joins tensors of one shape along a new axis: k of (N, D) along 0 are (k, N, D). `axis` counts in
/// the result and may be negative. Differentiable. Throws ShapeError if the shapes differ.
Tensor stack(std::span<const Tensor> parts, int64_t axis);
inline Tensor stack(std::initializer_list<Tensor> parts, int64_t axis) {
  return stack(std::span(parts.begin(), parts.size()), axis);
}

}  // namespace vitrine
