// Rotary position embedding: pairs of numbers turned by an angle,
//
//   u' = u cos - v sin        v' = v cos + u sin
//
// Halves: u and v are two vectors. Interleaved: u and v are neighbours, and with the neighbours
// exchanged and the sign of every other sine that is y = x cos + exchanged(x) (-+sin).

#include "ops/kernels/rotary_embedding.hpp"

#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

/// Lanes 1 0 3 2 5 4 ...
inline Vec exchange_neighbours(Vec x) {
#if defined(__AVX512F__)
  return _mm512_permute_ps(x, 0xB1);
#elif defined(__AVX2__)
  return _mm256_permute_ps(x, 0xB1);
#elif defined(__aarch64__)
  return vrev64q_f32(x);
#else
  return _mm_shuffle_ps(x, x, 0xB1);
#endif
}

/// -1 1 -1 1 ...
inline Vec alternating_signs() {
  alignas(64) float lane[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) lane[i] = i % 2 == 0 ? -1.0F : 1.0F;
  return Vec::load_aligned(lane);
}

void rotate_halves(bool back, int64_t head_dim, const float* x, const float* cos, const float* sin,
                   float* y) {
  const int64_t half = head_dim / 2;
  for_each_vector(half, [&](int64_t i, auto part) {
    const Vec u = part.load(x + i);
    const Vec v = part.load(x + half + i);
    const Vec uc = u * part.load(cos + i);
    const Vec vc = v * part.load(cos + half + i);
    const Vec su = part.load(sin + i);
    const Vec sv = part.load(sin + half + i);
    part.store(y + i, back ? fma(v, sv, uc) : fnma(v, su, uc));
    part.store(y + half + i, back ? fnma(u, su, vc) : fma(u, sv, vc));
  });
}

void rotate_neighbours(bool back, Vec signs, int64_t head_dim, const float* x, const float* cos,
                       const float* sin, float* y) {
  for_each_vector(head_dim, [&](int64_t i, auto part) {
    const Vec value = part.load(x + i);
    const Vec s = signs * part.load(sin + i);
    const Vec kept = value * part.load(cos + i);
    part.store(y + i, back ? exchange_neighbours(value * s) + kept
                           : fma(exchange_neighbours(value), s, kept));
  });
}

void rotate(RotaryLayout layout, bool back, int64_t vectors, int64_t head_dim, const float* x,
            int64_t pitch, const float* cos, const float* sin, int64_t table_pitch, float* y) {
  const Vec signs = alternating_signs();
  for (int64_t i = 0; i < vectors; ++i) {
    if (layout == RotaryLayout::kHalf) {
      rotate_halves(back, head_dim, x, cos, sin, y);
    } else {
      rotate_neighbours(back, signs, head_dim, x, cos, sin, y);
    }
    x += pitch;
    y += pitch;
    cos += table_pitch;
    sin += table_pitch;
  }
}

void table_backward(RotaryLayout layout, int64_t head_dim, const float* x, const float* dy,
                    float* dcos, float* dsin) {
  if (layout == RotaryLayout::kHalf) {
    const int64_t half = head_dim / 2;
    for_each_vector(half, [&](int64_t i, auto part) {
      const Vec u = part.load(x + i);
      const Vec v = part.load(x + half + i);
      const Vec du = part.load(dy + i);
      const Vec dv = part.load(dy + half + i);
      part.store(dcos + i, fma(du, u, part.load(dcos + i)));
      part.store(dcos + half + i, fma(dv, v, part.load(dcos + half + i)));
      part.store(dsin + i, fnma(du, v, part.load(dsin + i)));
      part.store(dsin + half + i, fma(dv, u, part.load(dsin + half + i)));
    });
    return;
  }
  const Vec signs = alternating_signs();
  for_each_vector(head_dim, [&](int64_t i, auto part) {
    const Vec value = part.load(x + i);
    const Vec d = part.load(dy + i);
    part.store(dcos + i, fma(d, value, part.load(dcos + i)));
    part.store(dsin + i, fma(d * signs, exchange_neighbours(value), part.load(dsin + i)));
  });
}

}  // namespace

extern const RotaryEmbedding rotary_embedding;
const RotaryEmbedding rotary_embedding{rotate, table_backward};

}  // namespace vitrine::kernels::VT_ISA
