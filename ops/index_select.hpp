#pragma once

#include <vector>

#include "core/tensor.hpp"

namespace vitrine {

/// The slices of x along `axis` that `indices` name, in that order; one may be named several times,
/// and then gets the sum of their gradients. Negative axes count from the end; differentiable.
/// Throws ShapeError if the axis is out of range, UsageError if an index is.
Tensor index_select(const Tensor& x, int64_t axis, const std::vector<int64_t>& indices);

}  // namespace vitrine
