#pragma once

// The activations of ops/kernels/activation.hpp and their derivatives, on vectors.
// Source: Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415 (GELU, its tanh and sigmoid
// forms).

#include "ops/kernels/activation.hpp"
#include "ops/simd/math.hpp"

namespace vitrine::simd {
namespace {

inline Vec relu(Vec x) { return max(splat(0.0f), x); }

/// x Phi(x). Absolute error < 2.5e-7 for |x| < 2, then relative as normal_tail; -inf gives 0.
///   x >= 0: x - x upper(x)       x < 0: -|x| upper(|x|)
inline Vec gelu(Vec x) {
  const NormalTail tail = normal_tail(x);
  return fnma(tail.t, tail.upper, relu(x));
}

/// d gelu / dx = Phi(x) + x e^(-x^2 / 2) / sqrt(2 pi).
inline Vec gelu_derivative(Vec x) {
  const NormalTail tail = normal_tail(x);
  const Vec phi = select(x > splat(0.0f), splat(1.0f) - tail.upper, tail.upper);
  return fma(copysign(tail.t, x), tail.density, phi);
}

/// x sigmoid(slope x): SiLU for slope 1, quick GELU for slope 1.702.
inline Vec scaled_silu(Vec x, float slope) { return x * sigmoid(splat(slope) * x); }

/// d/dx x s = s + slope x s (1 - s), s = sigmoid(slope x).
inline Vec scaled_silu_derivative(Vec x, float slope) {
  const Vec z = splat(slope) * min(splat(100.0f), max(splat(-100.0f), x));  // no inf * 0
  const Vec s = sigmoid(z);
  return fma(z * s, splat(1.0f) - s, s);
}

// (1 + tanh u) / 2 = sigmoid(2 u), so the tanh form of GELU is x sigmoid(x (a + b x^2)).
constexpr float kGeluTanhA = 1.59576912f;    // 2 sqrt(2 / pi)
constexpr float kGeluTanhB = 0.0713548163f;  // 0.044715 a

inline Vec gelu_tanh(Vec x) {
  return x * sigmoid(x * fma(x * x, splat(kGeluTanhB), splat(kGeluTanhA)));
}

inline Vec gelu_tanh_derivative(Vec x) {
  const Vec z = min(splat(20.0f), max(splat(-20.0f), x));  // beyond it s is 0 or 1
  const Vec zz = z * z;
  const Vec s = sigmoid(z * fma(zz, splat(kGeluTanhB), splat(kGeluTanhA)));
  const Vec slope = fma(zz, splat(3.0f * kGeluTanhB), splat(kGeluTanhA));
  return fma(z * s * slope, splat(1.0f) - s, s);
}

inline constexpr float kQuickGeluSlope = 1.702f;

/// f(x) for a kind known at run time: the switch is outside of every loop when inlined.
[[gnu::always_inline]] inline Vec activate(Activation kind, Vec x) {
  switch (kind) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return relu(x);
    case Activation::kGelu:
      return gelu(x);
    case Activation::kGeluTanh:
      return gelu_tanh(x);
    case Activation::kQuickGelu:
      return scaled_silu(x, kQuickGeluSlope);
    case Activation::kSilu:
      return scaled_silu(x, 1.0f);
    case Activation::kTanh:
      return tanh(x);
    case Activation::kSigmoid:
      return sigmoid(x);
  }
  return x;
}

/// f'(x) from x; relu'(0) = 0.
[[gnu::always_inline]] inline Vec activation_derivative(Activation kind, Vec x) {
  const Vec one = splat(1.0f);
  switch (kind) {
    case Activation::kNone:
      return one;
    case Activation::kRelu:
      return select(x > splat(0.0f), one, splat(0.0f));
    case Activation::kGelu:
      return gelu_derivative(x);
    case Activation::kGeluTanh:
      return gelu_tanh_derivative(x);
    case Activation::kQuickGelu:
      return scaled_silu_derivative(x, kQuickGeluSlope);
    case Activation::kSilu:
      return scaled_silu_derivative(x, 1.0f);
    case Activation::kTanh: {
      const Vec y = tanh(x);
      return fnma(y, y, one);
    }
    case Activation::kSigmoid: {
      const Vec y = sigmoid(x);
      return y * (one - y);
    }
  }
  return one;
}

}  // namespace
}  // namespace vitrine::simd
