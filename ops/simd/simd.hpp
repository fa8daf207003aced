#pragma once

// The only file that includes xsimd. It names one vector type for the ISA that is being compiled,
// and the operations that kernels use on it. Everything has internal linkage: the same source is
// compiled once per ISA with different flags, and nothing of it may be shared by the linker.
//
// The build defines VT_ISA as one of the words of namespace `arch` below (-DVT_ISA=avx2 ...).
// A kernel file looks like this:
//
//   namespace vitrine::kernels::VT_ISA {
//   namespace {
//   using namespace simd;
//   void scale(int64_t n, float a, const float* x, float* y) noexcept {
//     for_each_vector(n, [&](int64_t i, auto tail) { ... });
//   }
//   }  // namespace
//   extern const Scale scale_kernel;
//   const Scale scale_kernel{scale};
//   }  // namespace vitrine::kernels::VT_ISA

#include <cstdint>

// g++ 12 takes the undefined operands inside its own AVX-512 intrinsics for mistakes. The warnings
// follow the code wherever it is inlined, so they stay off for the rest of a kernel file.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <xsimd/xsimd.hpp>

#if defined(__aarch64__)
// xsimd 8 divides floats as 32-bit ARM must: it refines an estimate of the reciprocal, which is off
// by some units in the last place. This makes a / b correctly rounded, as it is on x86.
template <>
inline xsimd::batch<float, xsimd::neon64>& xsimd::batch<float, xsimd::neon64>::operator/=(
    const batch& other) noexcept {
  return *this = vdivq_f32(*this, other);
}
#endif

#ifndef VT_ISA
#error "compile with -DVT_ISA=sse42, avx2, avx512 or neon64"
#endif

namespace vitrine::simd {
namespace {

namespace arch {
using sse42 = xsimd::sse4_2;
using avx2 = xsimd::fma3<xsimd::avx2>;  // plain xsimd::avx2 never uses FMA
using avx512 = xsimd::avx512bw;
using neon64 = xsimd::neon64;
// Refinements (core/isa.hpp) have the vectors of what they refine.
using avx2_vnni = avx2;
using avx512_vnni = avx512;
using avx512_bf16 = avx512;
using avx512_amx = avx512;
using neon64_dotprod = neon64;
using neon64_i8mm = neon64;
using neon64_bf16 = neon64;
}  // namespace arch

using Arch = arch::VT_ISA;
using Vec = xsimd::batch<float, Arch>;        ///< kLanes floats; + - * / and comparisons as usual
using VecI = xsimd::batch<int32_t, Arch>;     ///< kLanes integers
using Mask = xsimd::batch_bool<float, Arch>;  ///< result of a comparison; & | ! as usual

constexpr int64_t kLanes = static_cast<int64_t>(Vec::size);  ///< 4, 8 or 16
constexpr int kLineFloats = 16;                              ///< of a cache line
constexpr int64_t kLineBytes = 64;

using xsimd::abs;
using xsimd::all;
using xsimd::any;
using xsimd::copysign;
using xsimd::floor;
using xsimd::nearbyint;  // to even, as the CPU does by default
using xsimd::select;     // select(mask, a, b): a where the mask is set, else b

/// Correctly rounded.
#if defined(__aarch64__)
inline Vec sqrt(Vec x) { return vsqrtq_f32(x); }  // xsimd 8 refines an estimate here
#else
using xsimd::sqrt;
#endif

/// kLanes floats from any address.
inline Vec load(const float* p) { return Vec::load_unaligned(p); }

/// Stores kLanes floats to any address.
inline void store(float* p, Vec v) { v.store_unaligned(p); }

/// x in every lane.
inline Vec splat(float x) { return Vec(x); }

/// a * b + c, rounded once where the ISA has FMA (all but sse42, which rounds twice).
inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);  // xsimd 8 has only a * b + c here
#else
  return xsimd::fma(a, b, c);
#endif
}

/// c - a * b.
inline Vec fnma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fnmadd_ps(a, b, c);
#elif defined(__FMA__)
  return xsimd::fnma(a, b, c);
#else
  return fma(-a, b, c);  // xsimd 8 has only -a * b + c here
#endif
}

/// The larger (smaller) of two. If either is NaN the result is b on x86: write max(bound, x) to
/// keep a NaN of x.
inline Vec max(Vec a, Vec b) { return xsimd::max(a, b); }
inline Vec min(Vec a, Vec b) { return xsimd::min(a, b); }

/// Round to the nearest integer; |x| < 2^31.
inline VecI to_int(Vec x) { return xsimd::nearbyint_as_int(x); }
inline Vec to_float(VecI x) { return xsimd::to_float(x); }

/// The same 32 bits seen as the other type.
inline VecI bits_of(Vec x) { return xsimd::bitwise_cast<VecI>(x); }
inline Vec from_bits(VecI x) { return xsimd::bitwise_cast<Vec>(x); }

#if defined(__AVX2__) && !defined(__AVX512F__)
/// kTailMask + 8 - n is a mask of n set lanes.
alignas(64) constexpr int32_t kTailMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#endif

/// The first n floats (0 <= n <= kLanes), `fill` in the other lanes. Reads nothing beyond p[n - 1].
/// Tails run through the same vector code as everything else, so they use the same mathematics.
inline Vec load_tail(const float* p, int64_t n, float fill = 0.0f) {
#if defined(__AVX512F__)
  return _mm512_mask_loadu_ps(splat(fill), static_cast<__mmask16>((1u << n) - 1u), p);
#elif defined(__AVX2__)
  const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kTailMask + kLanes - n));
  return _mm256_blendv_ps(splat(fill), _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
#else
  alignas(64) float lane[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) lane[i] = i < n ? p[i] : fill;
  return Vec::load_aligned(lane);
#endif
}

/// Stores the first n lanes (0 <= n <= kLanes) and touches nothing behind them.
inline void store_tail(float* p, Vec v, int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(
      p, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kTailMask + kLanes - n)), v);
#else
  alignas(64) float lane[kLanes];
  v.store_aligned(lane);
  for (int64_t i = 0; i < n; ++i) p[i] = lane[i];
#endif
}

/// Lane j is lane from[j] of x; all of `from` is below kLanes.
inline Vec permute(Vec x, VecI from) {
#if defined(__AVX512F__)
  return _mm512_permutexvar_ps(from, x);
#elif defined(__AVX2__)
  return _mm256_permutevar8x32_ps(x, from);
#else
  // Byte by byte.
  const VecI bytes = from * VecI(0x04040404) + VecI(0x03020100);
#if defined(__aarch64__)
  return vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(x), vreinterpretq_u8_s32(bytes)));
#else
  return _mm_castsi128_ps(_mm_shuffle_epi8(_mm_castps_si128(x), bytes));
#endif
#endif
}

/// Sum of the lanes, in an order that is fixed per ISA.
inline float reduce_add(Vec v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps(v);
#else
  return xsimd::hadd(v);
#endif
}

/// Largest (smallest) lane; unspecified if a lane is NaN.
inline float reduce_max(Vec v) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_ps(v);
#elif defined(__aarch64__)
  return vmaxvq_f32(v);
#else
#if defined(__AVX2__)
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
#else
  __m128 half = v;
#endif
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_shuffle_ps(half, half, 1)));
#endif
}
inline float reduce_min(Vec v) { return -reduce_max(-v); }

/// The step of a loop that is not the last one: all lanes.
struct Whole {
  Vec load(const float* p, float = 0.0f) const { return simd::load(p); }
  void store(float* p, Vec v) const { simd::store(p, v); }
  static constexpr int64_t size() { return kLanes; }
};

/// The last step of a loop: n lanes, the others are filled on loading and dropped on storing.
struct Tail {
  int64_t n;
  Vec load(const float* p, float fill = 0.0f) const { return load_tail(p, n, fill); }
  void store(float* p, Vec v) const { store_tail(p, v, n); }
  int64_t size() const { return n; }
};

/// Calls step(i, part) for i = 0, kLanes, 2 kLanes, ...: `part` is Whole, and Tail for a remainder.
/// y = a x over n floats, tail included:
///   for_each_vector(n, [&](int64_t i, auto part) { part.store(y + i, a * part.load(x + i)); });
template <class Step>
inline void for_each_vector(int64_t n, Step&& step) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) step(i, Whole{});
  if (i < n) step(i, Tail{n - i});
}

}  // namespace
}  // namespace vitrine::simd
