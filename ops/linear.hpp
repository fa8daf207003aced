#pragma once

#include "core/tape.hpp"
#include "core/tensor.hpp"
#include "ops/kernels/activation.hpp"

namespace vitrine {

/// y = activation(x W^T + b), the activation applied while the product is in the cache.
///   x       (..., K)
///   weight  (N, K), as PyTorch keeps it; a frozen one is packed once and kept packed
///   bias    (N), or undefined
///   returns (..., N); differentiable in x, weight and bias
/// Error: that of a dot product of K floats added in blocks. Throws ShapeError.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              Activation activation = Activation::kNone);

/// y = residual + scale * (x W^T + b): the end of a transformer branch in one product.
///   residual (..., N)
///   scale    (N), LayerScale's gamma; or undefined for 1
///   returns  (..., N); differentiable in all of them. Throws ShapeError.
Tensor linear_add(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                  const Tensor& scale = {});

struct LinearGradients {
  Tensor dx;       ///< (..., K)
  Tensor dweight;  ///< (N, K)
  Tensor dbias;    ///< (N)
};

/// Gradients of x W^T + b: dx = dy W, dW = dy^T x, db = sum of dy's rows. needs[0] is x, needs[1]
/// weight, needs[2] bias; what is not needed stays undefined.
LinearGradients linear_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                Needs needs);

}  // namespace vitrine
