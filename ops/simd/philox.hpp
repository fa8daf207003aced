#pragma once

// core/random.hpp's philox, one counter per lane: the same words as the scalar function.

#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

using VecU = xsimd::batch<uint32_t, Arch>;  ///< kLanes unsigned integers

/// The halves of the 64-bit products of all lanes with one number.
struct WideProduct {
  VecU high, low;
};

/// xsimd has no word for a widening product. x86 multiplies the even lanes, so the odd ones are
/// shifted down for a second product and the halves are blended back.
inline WideProduct multiply_wide(VecU a, uint32_t b) {
#if defined(__AVX512F__)
  const __m512i factor = _mm512_set1_epi32(static_cast<int>(b));
  const __m512i even = _mm512_mul_epu32(a, factor);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), factor);
  return {_mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd),
          _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32))};
#elif defined(__AVX2__)
  const __m256i factor = _mm256_set1_epi32(static_cast<int>(b));
  const __m256i even = _mm256_mul_epu32(a, factor);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), factor);
  return {_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA),
          _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA)};
#elif defined(__aarch64__)
  const uint32x4_t factor = vdupq_n_u32(b);
  const uint32x4_t first = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a), vget_low_u32(factor)));
  const uint32x4_t second = vreinterpretq_u32_u64(vmull_high_u32(a, factor));
  return {VecU(vuzp2q_u32(first, second)), VecU(vuzp1q_u32(first, second))};
#else
  const __m128i factor = _mm_set1_epi32(static_cast<int>(b));
  const __m128i even = _mm_mul_epu32(a, factor);
  const __m128i odd = _mm_mul_epu32(_mm_srli_epi64(a, 32), factor);
  return {_mm_blend_epi16(_mm_srli_epi64(even, 32), odd, 0xCC),
          _mm_blend_epi16(even, _mm_slli_epi64(odd, 32), 0xCC)};
#endif
}

/// Words 0 to 3 of kLanes counters.
struct PhiloxWords {
  VecU word[4];
};

inline PhiloxWords philox(PhiloxWords counter, uint64_t key) {
  auto k0 = static_cast<uint32_t>(key);
  auto k1 = static_cast<uint32_t>(key >> 32);
  auto& c = counter.word;
  for (int round = 0; round < 10; ++round) {
    const WideProduct p0 = multiply_wide(c[0], 0xD2511F53U);
    const WideProduct p1 = multiply_wide(c[2], 0xCD9E8D57U);
    c[0] = p1.high ^ c[1] ^ VecU(k0);
    c[1] = p1.low;
    c[2] = p0.high ^ c[3] ^ VecU(k1);
    c[3] = p0.low;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return counter;
}

/// core/random.hpp's unit_float.
inline Vec unit_float(VecU word) {
  return to_float(xsimd::bitwise_cast<VecI>(word >> 8)) * splat(0x1p-24F);
}

}  // namespace
}  // namespace vitrine::simd
