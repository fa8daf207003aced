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

/// e^x. Relative error < 1.3e-7; inf from 88.72284 on; results below 1.7e-38 are 0, so that no
/// subnormal number ever slows a softmax down.
///   n = round(x / ln 2), r = x - n ln 2, e^x = 2^n e^r,
///   e^r = 1 + r + r^2 q(r) on |r| <= ln 2 / 2, q of degree 4: 3.1e-9
inline Vec exp(Vec x) {
  // The bounds turn everything outside into inf and 0 by themselves: 2^127 * 1.08 doubled, and the
  // exponent field 0. NaN passes through max and min as their second operand.
  x = min(splat(88.8f), max(splat(-87.5f), x));
  const VecI n = to_int(x * splat(1.44269504f));
  const Vec nf = to_float(n);
  // ln 2 in two parts; the product of n and the first is exact.
  const Vec r = fnma(nf, splat(1.42860677e-6f), fnma(nf, splat(0.693145752f), x));
  Vec q = fma(r, splat(1.38145708e-3f), splat(8.36873055e-3f));
  q = fma(q, r, splat(4.16683890e-2f));
  q = fma(q, r, splat(1.66665211e-1f));
  q = fma(q, r, splat(0.499999940f));
  const Vec e = fma(q, r * r, r) + splat(1.0f);
  // 2^(n - 1) always fits the exponent field (2^128 would not); the last addition doubles.
  const Vec half = e * from_bits((n + VecI(126)) << 23);
  return half + half;
}

/// Natural logarithm. Relative error < 1e-7 (absolute 6e-8 near 1); log(0) = -inf, log(x < 0) =
/// NaN.
inline Vec log(Vec x) { return xsimd::log(x); }

/// Hyperbolic tangent. Relative error < 1.7e-7.
inline Vec tanh(Vec x) { return xsimd::tanh(x); }

/// Error function. Relative error < 1.9e-7.
inline Vec erf(Vec x) { return xsimd::erf(x); }

/// Logistic function 1 / (1 + e^-x). Relative error < 1.8e-7; results below 1.2e-38 are 0.
inline Vec sigmoid(Vec x) { return splat(1.0f) / (splat(1.0f) + exp(-x)); }

/// The tail of the normal distribution, and what its density needs.
struct NormalTail {
  Vec t;      ///< min(|x|, 13.5): beyond it the tail is 0
  Vec bell;   ///< e^(-t^2 / 2); the density is bell / sqrt(2 pi)
  Vec upper;  ///< P(Z > t) = 1 - Phi(t)
};

/// P(Z > |x|) for a standard normal Z, without the cancellation of 1 + erf(x / sqrt 2).
/// Error < 1.2e-7 absolute; relative < 3e-7 + 6e-8 t^2 / 2, as far as exp goes.
///   upper(t) = e^(-t^2 / 2) P(t) / Q(t), degrees 4 and 5: 2.1e-9 for t <= 5
inline NormalTail normal_tail(Vec x) {
  const Vec t = min(splat(13.5f), abs(x));
  const Vec bell = exp(t * t * splat(-0.5f));
  Vec p = fma(t, splat(3.61673837e-3f), splat(3.72095332e-2f));
  p = fma(p, t, splat(1.72972158e-1f));
  p = fma(p, t, splat(4.24250364e-1f));
  p = fma(p, t, splat(0.5f));
  Vec q = fma(t, splat(9.06554237e-3f), splat(9.32828188e-2f));
  q = fma(q, t, splat(4.42398787e-1f));
  q = fma(q, t, splat(1.15956795f));
  q = fma(q, t, splat(1.64638543f));
  q = fma(q, t, splat(1.0f));
  return {t, bell, bell * (p / q)};  // the division does not wait for the exponential
}

}  // namespace
}  // namespace vitrine::simd
