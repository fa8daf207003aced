// A weighted sum of rows of bytes, which is either pass of a resize: the vertical one as it stands,
// the horizontal one on a strip that was turned on its side.
//
//   for i < n:  sum = half;  for t < taps: sum += weights[t] from[t pitch + i];  to[i] = clip(sum
//   >> 22)

#include "ops/kernels/resize.hpp"

#include "ops/simd/pixels.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

constexpr int32_t kHalf = 1 << (kResizeBits - 1);
// Vectors whose sums are in flight at once, enough to hide the latency of a multiplication (10
// cycles for 32-bit integers on many x86).
constexpr int kVectors = 4;

template <int kCount>
void blend_vectors(int64_t taps, const int32_t* weights, const uint8_t* from, int64_t pitch,
                   uint8_t* to) {
  VecI sum[kCount];
  for (int v = 0; v < kCount; ++v) sum[v] = VecI(kHalf);
  for (int64_t t = 0; t < taps; ++t, from += pitch) {
    const VecI weight(weights[t]);
    for (int v = 0; v < kCount; ++v) sum[v] += weight * load_pixels(from + v * kLanes);
  }
  for (int v = 0; v < kCount; ++v) store_pixels(to + v * kLanes, sum[v] >> kResizeBits);
}

void blend_rows(int64_t n, int64_t taps, const int32_t* weights, const uint8_t* from, int64_t pitch,
                uint8_t* to) {
  int64_t i = 0;
  for (; i + kVectors * kLanes <= n; i += kVectors * kLanes) {
    blend_vectors<kVectors>(taps, weights, from + i, pitch, to + i);
  }
  for (; i + kLanes <= n; i += kLanes) {
    blend_vectors<1>(taps, weights, from + i, pitch, to + i);
  }
  if (i == n) return;
  VecI sum(kHalf);
  for (int64_t t = 0; t < taps; ++t) {
    sum += VecI(weights[t]) * load_pixels_tail(from + t * pitch + i, n - i);
  }
  store_pixels_tail(to + i, sum >> kResizeBits, n - i);
}

}  // namespace

extern const Resize resize;
constinit const Resize resize{blend_rows};

}  // namespace vitrine::kernels::VT_ISA
