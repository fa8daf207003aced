#pragma once

// The softmax of attention, on a tile of scores that is in L1 or L2. Scores come in units of ln 2
// (the queries are multiplied by scale / ln 2), so that e^score is a power of two.

#include "ops/simd/math.hpp"

namespace vitrine::simd {
namespace {

constexpr float kLog2E = 1.44269504F;
constexpr float kLn2 = 0.693147181F;
constexpr float kInfinity = __builtin_inff();

/// 2^x for x <= 0 (or a little above). Relative error < 2e-7; results below 8.3e-39 are 0; NaN
/// stays NaN.
///   n = round(x), r = x - n, 2^x = 2^n 2^r, 2^r = 1 + r q(r), q of degree 4: 9.2e-8
inline Vec power_of_two(Vec x) {
  // Adding 1.5 2^23 rounds to an integer, which is then in the low bits; 127 more, and those are
  // the exponent field of 2^n. -127 makes it 0, and the result with it.
  constexpr float kRound = 12582912.0F + 127.0F;
  x = max(splat(-127.0F), x);
  const Vec n = x + splat(kRound);
  const Vec r = x - (n - splat(kRound));
  Vec p = fma(r, splat(1.3264727e-3F), splat(9.6715130e-3F));
  p = fma(p, r, splat(5.5507336e-2F));
  p = fma(p, r, splat(2.4022242e-1F));
  p = fma(p, r, splat(6.9314700e-1F));
  p = fma(p, r, splat(1.0F));
  return p * from_bits(bits_of(n) << 23);
}

/// Largest of n scores; -inf if n = 0. A NaN may be lost: it comes back with the exponentials.
inline float largest(int64_t n, const float* s) {
  Vec top = splat(-kInfinity);
  for_each_vector(n, [&](int64_t j, auto part) { top = max(top, part.load(s + j, -kInfinity)); });
  return reduce_max(top);
}

/// s = 2^(s - shift) over n scores; returns their sum.
inline float exponentials(int64_t n, float* s, float shift) {
  Vec sum = splat(0.0F);
  const Vec by = splat(shift);
  for_each_vector(n, [&](int64_t j, auto part) {
    const Vec p = power_of_two(part.load(s + j, -kInfinity) - by);
    sum += p;
    part.store(s + j, p);
  });
  return reduce_add(sum);
}

}  // namespace
}  // namespace vitrine::simd
