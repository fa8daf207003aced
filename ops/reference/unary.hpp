#pragma once

#include <cmath>
#include <cstdint>

#include "ops/kernels/unary.hpp"

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

/// The tanh form of GELU is x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3), since
/// (1 + tanh u) / 2 = sigmoid(2 u).
template <class T>
T gelu_tanh_argument(T x) {
  return static_cast<T>(1.5957691216057308) * (x + static_cast<T>(0.044715) * x * x * x);
}

/// f(x).
template <class T>
T unary(UnaryFunction f, T x) {
  switch (f) {
    case UnaryFunction::kExp:
      return std::exp(x);
    case UnaryFunction::kLog:
      return std::log(x);
    case UnaryFunction::kSqrt:
      return std::sqrt(x);
    case UnaryFunction::kTanh:
      return std::tanh(x);
    case UnaryFunction::kSigmoid:
      return sigmoid(x);
    case UnaryFunction::kErf:
      return std::erf(x);
    case UnaryFunction::kRelu:
      return x <= 0 ? 0 : x;
    case UnaryFunction::kSilu:
      return x * sigmoid(x);
    case UnaryFunction::kGelu:
      return x * normal_cdf(x);
    case UnaryFunction::kGeluTanh:
      return x * sigmoid(gelu_tanh_argument(x));
    case UnaryFunction::kQuickGelu:
      return x * sigmoid(static_cast<T>(1.702) * x);
    case UnaryFunction::kSquare:
      return x * x;
    case UnaryFunction::kAbs:
      return std::abs(x);
    case UnaryFunction::kNeg:
      return -x;
  }
  return x;
}

/// Derivative of x s(u(x)), s = sigmoid, given du = u'(x): s + x u' s (1 - s). Where s (1 - s) has
/// vanished the second term is 0, however large x is.
template <class T>
T gated_derivative(T x, T u, T du) {
  const T s = sigmoid(u);
  const T slope = s * (1 - s);
  return slope == 0 ? s : s + x * du * slope;
}

/// f' from v, which is y = f(x) if derivative_from_output(f), else x.
template <class T>
T unary_derivative(UnaryFunction f, T v) {
  switch (f) {
    case UnaryFunction::kExp:
      return v;
    case UnaryFunction::kLog:
      return 1 / v;
    case UnaryFunction::kSqrt:
      return 1 / (2 * v);
    case UnaryFunction::kTanh:
      return 1 - v * v;
    case UnaryFunction::kSigmoid:
      return v * (1 - v);
    case UnaryFunction::kErf:
      return static_cast<T>(1.1283791670955126) * std::exp(-v * v);  // 2 / sqrt(pi)
    case UnaryFunction::kRelu:
      return v <= 0 ? 0 : 1;
    case UnaryFunction::kSilu:
      return gated_derivative(v, v, T(1));
    case UnaryFunction::kGelu: {
      const T density = static_cast<T>(0.39894228040143268) * std::exp(-v * v / 2);
      return normal_cdf(v) + (density == 0 ? 0 : v * density);
    }
    case UnaryFunction::kGeluTanh: {
      const T du = static_cast<T>(1.5957691216057308) * (1 + static_cast<T>(0.134145) * v * v);
      return gated_derivative(v, gelu_tanh_argument(v), du);
    }
    case UnaryFunction::kQuickGelu: {
      const T slope = static_cast<T>(1.702);
      return gated_derivative(v, slope * v, slope);
    }
    case UnaryFunction::kSquare:
      return 2 * v;
    case UnaryFunction::kAbs:
      return v > 0 ? 1 : (v < 0 ? -1 : 0);
    case UnaryFunction::kNeg:
      return -1;
  }
  return 1;
}

template <class T>
void unary_forward(UnaryFunction f, int64_t n, const T* x, T* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = unary(f, x[i]);
}

template <class T>
void unary_backward(UnaryFunction f, int64_t n, const T* dy, const T* saved, T* dx) {
  for (int64_t i = 0; i < n; ++i) {
    const T slope = unary_derivative(f, saved[i]);
    dx[i] = slope == 0 ? 0 : dy[i] * slope;
  }
}

}  // namespace vitrine::reference
