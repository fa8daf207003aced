#pragma once

#include "core/tensor.hpp"
#include "ops/kernels/activation.hpp"
#include "ops/kernels/unary.hpp"

namespace vitrine {

/// The elementwise function behind an activation; kNone has none.
UnaryFunction function_of(Activation activation);

/// activation(x), elementwise; differentiable. kNone gives x.
Tensor activate(Activation activation, Tensor x);

}  // namespace vitrine
