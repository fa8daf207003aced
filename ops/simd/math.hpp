#pragma once

// exp, log, tanh, erf, the logistic function and the normal distribution on vectors, for every
// kernel that needs one: elementwise operations, softmax, attention and the epilogues of GEMM get
// the same bits.
//
// The error bounds are against double, over all floats, on every ISA, and are checked by
// tests/ops/unary_test.cpp. NaN stays NaN in all of them. The polynomials and rational
// functions are minimax fits (reweighted least squares in double, coefficients then rounded to
// float).

#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

// Added to a float of at most 2^21, it leaves the nearest integer in the low bits: cheaper than two
// conversions. The sum minus it is that integer as a float.
constexpr float kRoundingShift = 12582912.0f;  // 1.5 * 2^23

/// e^x. Relative error < 1.3e-7; inf from 88.72284 on; results below 1.7e-38 are 0, so that no
/// subnormal number ever slows a softmax down.
///   n = round(x / ln 2), r = x - n ln 2, e^x = 2^n e^r,
///   e^r = 1 + r + r^2 q(r) on |r| <= ln 2 / 2, q of degree 4: 3.2e-9
inline Vec exp(Vec x) {
  // The bounds turn everything outside into inf and 0 by themselves: 2^127 * 1.08 doubled, and the
  // exponent field 0. NaN passes through max and min as their second operand.
  x = min(splat(88.8f), max(splat(-87.5f), x));
  // 2^(n - 1) always fits the exponent field (2^128 would not); the last addition doubles.
  constexpr float kShift = kRoundingShift + 126.0f;
  const Vec shifted = fma(x, splat(1.44269504f), splat(kShift));
  const Vec minus_n = splat(kShift) - shifted;
  // ln 2 in two parts; the product of n and the first is exact.
  const Vec r = fma(minus_n, splat(1.42860677e-6f), fma(minus_n, splat(0.693145752f), x));
  Vec e = fma(r, splat(1.3814511e-3f), splat(8.3687045e-3f));
  e = fma(e, r, splat(4.166833e-2f));
  e = fma(e, r, splat(1.6666521e-1f));
  e = fma(e, r, splat(4.9999994e-1f));
  e = fma(e, r, splat(1.0f));
  e = fma(e, r, splat(1.0f));
  const Vec half = e * from_bits(bits_of(shifted) << 23);
  return half + half;
}

/// Natural logarithm. Relative error < 1e-7 (absolute 6e-8 near 1); log(0) = -inf, log(x < 0) =
/// NaN.
inline Vec log(Vec x) { return xsimd::log(x); }

/// log(1 + x), also where 1 + x is rounded to 1. Relative error < 2e-7 for x in [0, 1].
inline Vec log1p(Vec x) { return xsimd::log1p(x); }

/// Hyperbolic tangent. Relative error < 1.7e-7.
inline Vec tanh(Vec x) { return xsimd::tanh(x); }

/// Error function. Relative error < 1.9e-7.
inline Vec erf(Vec x) { return xsimd::erf(x); }

/// Logistic function 1 / (1 + e^-x). Relative error < 1.8e-7; results below 1.2e-38 are 0.
inline Vec sigmoid(Vec x) { return splat(1.0f) / (splat(1.0f) + exp(-x)); }

/// The tail of the normal distribution.
struct NormalTail {
  Vec t;        ///< min(|x|, 13.26), where the tail is 0
  Vec density;  ///< e^(-t^2 / 2) / sqrt(2 pi)
  Vec upper;    ///< P(Z > t) = 1 - Phi(t)
};

/// P(Z > |x|) for a standard normal Z, without the cancellation of 1 + erf(x / sqrt 2).
/// Error < 1.2e-7 absolute; relative < 4e-7 + 6e-8 t^2.
///   upper(t) = density(t) m(t), m = P / Q Mills' ratio, degrees 4 and 5, both with the highest
///   coefficient 1 since m(t) t goes to 1: 1.8e-8
///   density(t) = 2^z / sqrt(2 pi) = 2^n 2^r / sqrt(2 pi), n = round(z), degree 5: 8.5e-8
inline NormalTail normal_tail(Vec x) {
  const Vec t = min(splat(13.26f), abs(x));  // where n is -127 and 2^n becomes 0
  const Vec w = t * splat(-0.721347520f);    // z = t w, -log2(e) / 2
  constexpr float kShift = kRoundingShift + 127.0f;
  const Vec shifted = fma(t, w, splat(kShift));
  const Vec r = fma(t, w, splat(kShift) - shifted);
  Vec e = fma(r, splat(5.29380333e-4f), splat(3.85904195e-3f));
  e = fma(e, r, splat(2.21441912e-2f));
  e = fma(e, r, splat(9.58346804e-2f));
  e = fma(e, r, splat(2.76525634e-1f));
  e = fma(e, r, splat(3.98942292e-1f));
  const Vec density = e * from_bits(bits_of(shifted) << 23);

  Vec p = t + splat(9.43200302f);
  p = fma(p, t, splat(41.1171494f));
  p = fma(p, t, splat(95.543808f));
  p = fma(p, t, splat(104.942978f));
  Vec q = t + splat(9.43211937f);
  q = fma(q, t, splat(42.1120911f));
  q = fma(q, t, splat(105.070541f));
  q = fma(q, t, splat(143.041779f));
  q = fma(q, t, splat(83.7323837f));
  return {t, density, density * (p / q)};  // the division does not wait for the exponential
}

}  // namespace
}  // namespace vitrine::simd
