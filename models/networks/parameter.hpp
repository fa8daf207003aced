#pragma once

#include <string>

#include "core/tensor.hpp"

namespace vitrine {

/// What a tensor of a model is, which decides how it is trained.
enum class Role {
  kWeight,  ///< a matrix or a convolution kernel: weight decay applies
  kVector,  ///< a bias, the gain of a norm, a LayerScale: no weight decay
  kToken,   ///< class, distillation and register tokens, position embedding: no weight decay
  kBuffer,  ///< saved with the model but not trained: running statistics, a fixed embedding
};

/// A tensor of a model and the gradient that was added up for it. A parameter that a configuration
/// does not have (a bias that is switched off) has no tensor, and visit leaves it out.
struct Parameter {
  Tensor value;
  Tensor grad;  ///< of value's shape; undefined until a backward pass reached it

  bool defined() const { return value.defined(); }
};

}  // namespace vitrine
