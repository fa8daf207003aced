#pragma once

#include "core/tensor.hpp"
#include "ops/kernels/activation.hpp"

namespace vitrine {

/// activation(x), elementwise; differentiable. kNone gives x.
Tensor activate(Activation activation, Tensor x);

}  // namespace vitrine
