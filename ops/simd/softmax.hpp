#pragma once

// What softmax and the cross-entropy share: the largest element of a row and the sum of its powers.

#include "ops/simd/math.hpp"

namespace vitrine::simd {
namespace {

/// What empty lanes of a tail hold: never the largest, and e to its power is 0.
constexpr float kMinusInf = -__builtin_inff();

/// max_i x_i; NaNs may be passed over, since they turn up again in the sum of powers.
inline float row_max(int64_t width, const float* x) {
  Vec m = splat(kMinusInf);
  for_each_vector(width, [&](int64_t i, auto part) { m = max(part.load(x + i, kMinusInf), m); });
  return reduce_max(m);
}

/// sum_i e^(x_i - m)
inline float row_sum_exp(int64_t width, const float* x, float m) {
  Vec sum = splat(0.0F);
  for_each_vector(width, [&](int64_t i, auto part) {
    sum += simd::exp(part.load(x + i, kMinusInf) - splat(m));
  });
  return reduce_add(sum);
}

}  // namespace
}  // namespace vitrine::simd
