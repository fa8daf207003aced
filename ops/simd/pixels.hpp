#pragma once

// 8-bit pixels in and out of vectors of 32-bit integers, for kernel files. xsimd has no word for
// widening loads and saturating stores of bytes.

#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

/// kLanes bytes, each in a lane.
inline VecI load_pixels(const uint8_t* p) {
#if defined(__AVX512F__)
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__AVX2__)
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#else
  uint32_t four = 0;
  __builtin_memcpy(&four, p, sizeof four);
#if defined(__aarch64__)
  const uint8x8_t bytes = vcreate_u8(four);
  return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
#else
  return _mm_cvtepu8_epi32(_mm_cvtsi32_si128(static_cast<int>(four)));
#endif
#endif
}

/// Every lane clipped to 0 .. 255, as kLanes bytes. Lanes must be within +-32767.
inline void store_pixels(uint8_t* p, VecI v) {
#if defined(__AVX512F__)
  const __m512i positive = _mm512_max_epi32(v, _mm512_setzero_si512());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(positive));
#elif defined(__AVX2__)
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
#else
#if defined(__aarch64__)
  const int16x4_t words = vqmovn_s32(v);
  const uint32_t four =
      vget_lane_u32(vreinterpret_u32_u8(vqmovun_s16(vcombine_s16(words, words))), 0);
#else
  const __m128i words = _mm_packs_epi32(v, v);
  const int four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
#endif
  __builtin_memcpy(p, &four, sizeof four);
#endif
}

/// The first n bytes (0 <= n <= kLanes), 0 in the other lanes. Reads nothing beyond p[n - 1].
inline VecI load_pixels_tail(const uint8_t* p, int64_t n) {
  uint8_t bytes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) bytes[i] = p[i];
  return load_pixels(bytes);
}

/// Stores the first n lanes (0 <= n <= kLanes), clipped, and touches nothing behind them.
inline void store_pixels_tail(uint8_t* p, VecI v, int64_t n) {
  uint8_t bytes[kLanes];
  store_pixels(bytes, v);
  for (int64_t i = 0; i < n; ++i) p[i] = bytes[i];
}

}  // namespace
}  // namespace vitrine::simd
