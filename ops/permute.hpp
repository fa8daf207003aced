#pragma once

#include <cstdint>

#include "core/tensor.hpp"
#include "ops/axis_list.hpp"

namespace vitrine {

/// x's numbers with the axes in another order: axis i of the result is axis axes[i] of x, so
/// {0, 2, 3, 1} turns NCHW into NHWC. A copy. Negative axes count from the end. Differentiable.
/// Throws ShapeError unless every axis is named once.
Tensor permute(const Tensor& x, const AxisList& axes);

/// Two axes exchanged; of a scalar, whose axes 0 and -1 are one, the scalar. A copy.
/// Differentiable. Throws ShapeError on an axis out of range.
Tensor transpose(const Tensor& x, int64_t axis0, int64_t axis1);

}  // namespace vitrine
