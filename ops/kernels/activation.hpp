#pragma once

#include "ops/kernels/unary.hpp"

namespace vitrine {

/// Elementwise functions that a matrix product can apply before its result leaves the cache.
enum class Activation {
  kNone,
  kRelu,       ///< max(x, 0)
  kGelu,       ///< x Phi(x) = x (1 + erf(x / sqrt 2)) / 2: what ViT means by GELU
  kGeluTanh,   ///< x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  kQuickGelu,  ///< x sigmoid(1.702 x)
  kSilu,       ///< x sigmoid(x)
  kTanh,
  kSigmoid,
};

/// The elementwise function behind an activation; kNone has none.
UnaryFunction function_of(Activation activation);

}  // namespace vitrine
