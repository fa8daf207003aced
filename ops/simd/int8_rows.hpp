#pragma once

// A row of floats as bytes: its range, and q = round(x / scale) + zero.

#include "ops/kernels/gemm_int8.hpp"
#include "ops/simd/int8_dot.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

inline kernels::GemmInt8::Range int8_range(int64_t n, const float* x) {
  constexpr int kStreams = 2;  // so that a maximum does not wait for the one before it
  Vec low[kStreams] = {splat(0.0F), splat(0.0F)};
  Vec high[kStreams] = {splat(0.0F), splat(0.0F)};
  Vec none[kStreams] = {splat(0.0F), splat(0.0F)};
  const auto step = [&](int s, Vec v) {
    low[s] = min(v, low[s]);  // a NaN leaves the bound
    high[s] = max(v, high[s]);
    none[s] = fma(v, splat(0.0F), none[s]);
  };
  int64_t i = 0;
  for (; i + kStreams * kLanes <= n; i += kStreams * kLanes) {
    step(0, load(x + i));
    step(1, load(x + i + kLanes));
  }
  for_each_vector(n - i, [&](int64_t at, auto part) { step(0, part.load(x + i + at)); });
  return {reduce_min(min(low[0], low[1])), reduce_max(max(high[0], high[1])),
          reduce_add(none[0] + none[1])};
}

/// Stores the low bytes of kLanes integers within 0 .. 255.
inline void store_bytes(uint8_t* to, VecI v) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(v));
#elif defined(__AVX2__)
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(words, words));
#elif defined(__aarch64__)
  const uint16x4_t words = vmovn_u32(vreinterpretq_u32_s32(v));
  const uint8x8_t bytes = vmovn_u16(vcombine_u16(words, words));
  vst1_lane_u32(reinterpret_cast<uint32_t*>(to), vreinterpret_u32_u8(bytes), 0);
#else
  const __m128i words = _mm_packus_epi32(v, v);
  _mm_storeu_si32(to, _mm_packus_epi16(words, words));
#endif
}

inline void int8_quantize(int64_t n, const float* x, float inverse, int32_t zero, uint8_t* to) {
  const Vec factor = splat(inverse);
  const Vec nothing = splat(static_cast<float>(-zero));
  const Vec all = splat(static_cast<float>(kInt8Levels - zero));
  // Clamped before it becomes an integer; a NaN becomes a bound.
  const auto bytes = [&](Vec v) {
    const VecI q = to_int(min(max(v * factor, nothing), all)) + VecI(zero);
    return q ^ VecI(kInt8Flip);
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_bytes(to + i, bytes(load(x + i)));
  if (i == n) return;
  uint8_t rest[kLanes];
  store_bytes(rest, bytes(load_tail(x + i, n - i)));
  for (int64_t j = 0; i + j < n; ++j) to[i + j] = rest[j];
}

}  // namespace
}  // namespace vitrine::simd
