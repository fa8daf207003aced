#pragma once

#include <cmath>

#include "ops/kernels/activation.hpp"

namespace vitrine::reference {

template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

/// Phi(x), the distribution function of the standard normal distribution.
template <class T>
T normal_cdf(T x) {
  return std::erfc(-x / std::sqrt(T(2))) / 2;
}

/// The activations as their definitions say.
template <class T>
T activate(Activation kind, T x) {
  switch (kind) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return x < 0 ? T(0) : x;  // NaN stays NaN
    case Activation::kGelu:
      return x * normal_cdf(x);
    case Activation::kGeluTanh: {
      const T u = std::sqrt(T(2) / T(M_PI)) * (x + T(0.044715) * x * x * x);
      return x * (1 + std::tanh(u)) / 2;
    }
    case Activation::kQuickGelu:
      return x * sigmoid(T(1.702) * x);
    case Activation::kSilu:
      return x * sigmoid(x);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kSigmoid:
      return sigmoid(x);
  }
  return x;
}

/// Their derivatives at x; relu'(0) = 0.
template <class T>
T activation_derivative(Activation kind, T x) {
  // x s(a x) has the derivative s + a x s (1 - s).
  const auto silu_derivative = [x](T a) {
    const T s = sigmoid(a * x);
    return s + a * x * s * (1 - s);
  };
  switch (kind) {
    case Activation::kNone:
      return 1;
    case Activation::kRelu:
      return x > 0 ? T(1) : T(0);
    case Activation::kGelu: {
      const T density = std::exp(-x * x / 2) / std::sqrt(2 * T(M_PI));
      return normal_cdf(x) + x * density;
    }
    case Activation::kGeluTanh: {
      const T a = std::sqrt(T(2) / T(M_PI));
      const T t = std::tanh(a * (x + T(0.044715) * x * x * x));
      return (1 + t) / 2 + x * (1 - t * t) / 2 * a * (1 + 3 * T(0.044715) * x * x);
    }
    case Activation::kQuickGelu:
      return silu_derivative(T(1.702));
    case Activation::kSilu:
      return silu_derivative(1);
    case Activation::kTanh: {
      const T t = std::tanh(x);
      return 1 - t * t;
    }
    case Activation::kSigmoid: {
      const T s = sigmoid(x);
      return s * (1 - s);
    }
  }
  return 1;
}

}  // namespace vitrine::reference
