#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// Softmax along one axis: y_i = e^(x_i - m) / sum_j e^(x_j - m), m = max_j x_j. The maximum
/// changes nothing but keeps every power at most 1.
///   x       any shape; -inf is allowed and gives 0, but a row of nothing else gives NaN
///   axis    negative axes count from the end
///   returns x's shape; differentiable in x
/// Error: relative below 5e-7 + 6e-8 (m - x_i); where the power is below 1.7e-38 it is 0.
/// Throws ShapeError.
Tensor softmax(const Tensor& x, int64_t axis);

/// The logarithm of softmax, without the cancellation: y_i = (x_i - m) - log sum_j e^(x_j - m).
/// Arguments as for softmax; -inf stays -inf.
/// Error: below 3e-7 (1 + |y_i|) absolute. Throws ShapeError.
Tensor log_softmax(const Tensor& x, int64_t axis);

/// dx = y (dy - sum_j dy_j y_j), y = softmax(x, axis).
Tensor softmax_backward(const Tensor& dy, const Tensor& y, int64_t axis);

/// dx = dy - e^y sum_j dy_j, y = log_softmax(x, axis).
Tensor log_softmax_backward(const Tensor& dy, const Tensor& y, int64_t axis);

}  // namespace vitrine
