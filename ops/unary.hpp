#pragma once

#include "core/tape.hpp"
#include "core/tensor.hpp"
#include "ops/kernels/unary.hpp"

namespace vitrine {

// Elementwise functions of one tensor of any shape; all differentiable. NaN stays NaN. An argument
// that nobody else holds gives its storage to the result where the backward pass does not need it:
// relu(std::move(x)), tanh(add(a, b)). Errors are against double, over all finite floats; numbers
// below 1.7e-38 may become 0. Derivatives are within 3e-6 max(1, |f'|).

Tensor exp(Tensor x);     ///< e^x; relative error below 2e-7
Tensor log(Tensor x);     ///< natural logarithm; relative error below 2e-7; NaN for x < 0
Tensor sqrt(Tensor x);    ///< correctly rounded; NaN for x < 0
Tensor square(Tensor x);  ///< x^2
Tensor abs(Tensor x);     ///< |x|; its derivative at 0 is 0
Tensor neg(Tensor x);     ///< -x
Tensor erf(Tensor x);     ///< error function; relative error below 2e-7
Tensor tanh(Tensor x);    ///< hyperbolic tangent; relative error below 2e-7

/// Logistic function 1 / (1 + e^-x). Relative error below 2e-7.
Tensor sigmoid(Tensor x);
/// max(x, 0); its derivative at 0 is 0.
Tensor relu(Tensor x);

// The following gate x with a number between 0 and 1. Their error is below 2e-7 max(1, |x|).

/// x sigmoid(x), also known as swish.
/// Source: Elfwing, Uchibe, Doya 2017, arXiv 1702.03118.
Tensor silu(Tensor x);
/// x Phi(x) = x (1 + erf(x / sqrt 2)) / 2: what ViT means by GELU.
/// Source: Hendrycks, Gimpel 2016, arXiv 1606.08415.
Tensor gelu(Tensor x);
/// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, the paper's approximation of gelu, which
/// Google's models use.
Tensor gelu_tanh(Tensor x);
/// x sigmoid(1.702 x), the paper's other approximation, which CLIP uses.
Tensor quick_gelu(Tensor x);

/// Gradient of any of them: dx = dy f'. `saved` is y = f(x) if derivative_from_output(f), else x.
/// Throws ShapeError if its shape is not that of dy.
Tensor unary_backward(UnaryFunction f, const Tensor& dy, const Tensor& saved);

}  // namespace vitrine
