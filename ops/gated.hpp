#pragma once

#include "core/tensor.hpp"
#include "ops/kernels/activation.hpp"

namespace vitrine {

/// The gate of a gated linear unit: y = f(a) b, where a and b are the halves of each row of x, the
/// gate first. With SiLU for f that is SwiGLU's.
///   x       (..., 2 M)
///   returns (..., M); differentiable in x
/// Error: that of the activation. Throws ShapeError.
/// Source: Shazeer 2020, arXiv 2002.05202, eq. 5 and 6.
Tensor gated(const Tensor& x, Activation f);

/// The same of a gate and a value that are apart: f(a) b.
///   a, b    (..., M)
///   returns (..., M); differentiable in both. Throws ShapeError.
Tensor gated(const Tensor& a, const Tensor& b, Activation f);

/// Gradient of gated(x, f), in the layout of x: dy f'(a) b, then dy f(a).
Tensor gated_backward(const Tensor& dy, const Tensor& x, Activation f);

}  // namespace vitrine
