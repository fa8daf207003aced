#include "ops/activation.hpp"

#include <utility>

#include "core/error.hpp"
#include "ops/unary.hpp"

namespace vitrine {

UnaryFunction function_of(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return UnaryFunction::kRelu;
    case Activation::kGelu:
      return UnaryFunction::kGelu;
    case Activation::kGeluTanh:
      return UnaryFunction::kGeluTanh;
    case Activation::kQuickGelu:
      return UnaryFunction::kQuickGelu;
    case Activation::kSilu:
      return UnaryFunction::kSilu;
    case Activation::kTanh:
      return UnaryFunction::kTanh;
    case Activation::kSigmoid:
      return UnaryFunction::kSigmoid;
    case Activation::kNone:
      break;
  }
  VT_CHECK(activation != Activation::kNone);
  return UnaryFunction::kRelu;
}

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
