#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/tensor.hpp"
#include "ops/axis_list.hpp"

namespace vitrine {

/// As a stop: to the end.
inline constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

/// x[start : stop : step] on every axis, Python's rule: negative positions count from the end, and
/// what lies outside is left out. `steps` {} means 1 everywhere. A copy. Differentiable.
///   slice(x, {0, 1}, {kEnd, kEnd}, {1, 2})    is x[:, 1::2]
/// Throws ShapeError unless there is one start, stop and step per axis, UsageError for steps
/// below 1.
Tensor slice(const Tensor& x, const AxisList& starts, const AxisList& stops,
             const AxisList& steps = {});

/// Gradient of slice: dy at its places in a tensor of x's `shape`, 0 elsewhere.
Tensor slice_backward(const Tensor& dy, const Shape& shape, const AxisList& starts,
                      const AxisList& stops, const AxisList& steps = {});

/// slice of one axis, the others whole: x without its class token is slice_axis(x, 1, 1, kEnd).
Tensor slice_axis(const Tensor& x, int64_t axis, int64_t start, int64_t stop, int64_t step = 1);

/// Cuts x along an axis into parts of these sizes. Differentiable. Throws ShapeError unless the
/// sizes add up to that of the axis.
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis);

}  // namespace vitrine
