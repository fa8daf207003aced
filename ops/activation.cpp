#include "ops/activation.hpp"

#include <utility>

#include "ops/unary.hpp"

namespace vitrine {

Tensor activate(Activation activation, Tensor x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return relu(std::move(x));
    case Activation::kGelu:
      return gelu(std::move(x));
    case Activation::kGeluTanh:
      return gelu_tanh(std::move(x));
    case Activation::kQuickGelu:
      return quick_gelu(std::move(x));
    case Activation::kSilu:
      return silu(std::move(x));
    case Activation::kTanh:
      return tanh(std::move(x));
    case Activation::kSigmoid:
      return sigmoid(std::move(x));
  }
  return x;
}

}  // namespace vitrine
