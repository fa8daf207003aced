#pragma once

#include "ops/kernels/activation.hpp"
#include "ops/reference/unary.hpp"

namespace vitrine::reference {

/// activation(x)
template <class T>
T activate(Activation activation, T x) {
  return activation == Activation::kNone ? x : unary(function_of(activation), x);
}

/// Its derivative at x.
template <class T>
T activation_derivative(Activation activation, T x) {
  if (activation == Activation::kNone) return 1;
  const UnaryFunction f = function_of(activation);
  return unary_derivative(f, derivative_from_output(f) ? unary(f, x) : x);
}

}  // namespace vitrine::reference
