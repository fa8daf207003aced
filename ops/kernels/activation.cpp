#include "ops/kernels/activation.hpp"

#include "core/error.hpp"

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

}  // namespace vitrine
