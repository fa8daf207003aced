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

/// y = residual + scale * (activation(x W1^T + b1) W2^T + b2): the MLP branch of a transformer.
///   x          (..., K)
///   fc1_weight (M, K), fc1_bias (M), fc2_weight (N, M), fc2_bias (N); biases may be undefined
///   residual   (..., N), or undefined for 0; scale (N), LayerScale's gamma, or undefined for 1: it
///              wants a residual
///   returns    (..., N); differentiable in all of them. Throws ShapeError, and UsageError for a
///              scale without a residual.
/// The bits are those of linear and linear_add in turn. For backward the argument of the activation
/// is kept, but not the hidden layer, which is computed again beside the derivative.
Tensor mlp(const Tensor& x, const Tensor& fc1_weight, const Tensor& fc1_bias, Activation activation,
           const Tensor& fc2_weight, const Tensor& fc2_bias, const Tensor& residual = {},
           const Tensor& scale = {});

struct LinearGradients {
  Tensor dx;       ///< (..., K)
  Tensor dweight;  ///< (N, K)
  Tensor dbias;    ///< (N)
};

/// Gradients of x W^T + b: dx = dy W, dW = dy^T x, db = sum of dy's rows. needs[0] is x, needs[1]
/// weight, needs[2] bias; what is not needed stays undefined. x is read for dweight alone and may
/// be undefined without it. Throws ShapeError.
LinearGradients linear_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                Needs needs);

struct MlpGradients {
  LinearGradients fc1;
  LinearGradients fc2;  ///< dx stays undefined: it never is in memory
};

/// Gradients of activation(x W1^T + b1) W2^T + b2; `preactivation` is x W1^T + b1, (..., M).
/// needs[0] is x, needs[1] and [2] are weight and bias of fc1, needs[3] and [4] those of fc2.
///   d hidden = dy W2,  d preactivation = d hidden * activation'(preactivation),  dW2 = dy^T
///   activation(preactivation)
MlpGradients mlp_backward(const Tensor& dy, const Tensor& x, const Tensor& fc1_weight,
                          const Tensor& preactivation, Activation activation,
                          const Tensor& fc2_weight, Needs needs);

}  // namespace vitrine
