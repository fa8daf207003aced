#pragma once

#include <vector>

#include "core/tape.hpp"
#include "core/tensor.hpp"
#include "ops/axis_list.hpp"

namespace vitrine {

// Reductions over any set of axes. `axes` may be negative and in any order; {} means all of them.
// With `keepdim` reduced axes stay as axes of size 1, else they are dropped. Partial sums are kept
// in an order that depends on the shape alone. All throw ShapeError on an axis that is out of range
// or named twice.

/// Sum; 0 over nothing. Error below 2e-6 sum |x|, for any number of elements. Differentiable.
Tensor sum(const Tensor& x, const AxisList& axes = {}, bool keepdim = false);
/// sum / n; NaN over nothing. Differentiable.
Tensor mean(const Tensor& x, const AxisList& axes = {}, bool keepdim = false);

/// Variance sum (x - mean)^2 / (n - correction), two-pass: relative error below 4e-6 (and
/// (mean / deviation)^2 1e-14). Correction 1 is the sample variance, 0 that of the numbers
/// themselves. NaN or inf, as the division says, if n <= correction. Differentiable.
Tensor var(const Tensor& x, const AxisList& axes = {}, int64_t correction = 1,
           bool keepdim = false);
/// sqrt(var). The gradient where it is 0 is 0. Differentiable.
Tensor std(const Tensor& x, const AxisList& axes = {}, int64_t correction = 1,
           bool keepdim = false);

/// Largest (smallest) element; NaN if there is one. Equal elements share the gradient evenly.
/// Differentiable. Throws ShapeError over nothing.
Tensor amax(const Tensor& x, const AxisList& axes = {}, bool keepdim = false);
Tensor amin(const Tensor& x, const AxisList& axes = {}, bool keepdim = false);

/// Gradient of amax with keepdim: x, and y and dy with reduced axes of size 1.
Tensor amax_backward(const Tensor& dy, const Tensor& x, const Tensor& y);

/// Index of the first largest element along `axis` (a NaN is larger than everything), in the
/// row-major order of the other axes. Not differentiable. Throws ShapeError if the axis has size 0.
std::vector<int32_t> argmax(const Tensor& x, int64_t axis = -1);

/// Sums x over what broadcasting a tensor of `shape` to x's shape repeated: the transpose of
/// expand. Differentiable. Throws ShapeError if `shape` does not broadcast to x's.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace vitrine
