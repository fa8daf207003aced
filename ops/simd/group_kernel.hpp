#pragma once

// The innermost loop of a convolution in groups that are narrower than a vector: a tile of C of
// kRows rows and one vector, whose lanes are the outputs of several groups. Per step a vector of A
// is permuted, so that every lane has the value of its own group, and multiplied by a vector of B.

#include "ops/kernels/gemm.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

/// Lane j: j / width * width, but for lanes behind the last whole group, which nobody looks at.
struct FirstOfGroup {
  alignas(64) int32_t of[kLanes][kLanes] = {};
  constexpr FirstOfGroup() {
    for (int32_t width = 1; width < kLanes; ++width) {
      for (int32_t j = 0; j < kLanes / width * width; ++j) of[width][j] = j / width * width;
    }
  }
};
constexpr FirstOfGroup kFirstOfGroup;

/// sums[i * kLanes + j] = sum over p of A[i][p][j] B[p][j], A as kernels::GemmA::kGroups says, from
/// `a` on. The terms of a run are added channel by channel of the group, and those of a channel
/// pixel by pixel. kThree: a run is of three pixels, and row i + 1 begins a pixel after row i, so
/// that a pixel that was permuted once serves three rows. kPitch: floats from one row of B to the
/// next. Meanwhile a line at every row of `next`, block.ahead.pitch apart, is fetched into L2.
template <int kRows, bool kThree, int64_t kPitch>
void group_kernel(const kernels::GemmBlock& block, const float* a, float* sums, const float* next) {
  const int64_t width = block.width;
  const int64_t b_step = width * kPitch;
  const VecI first = VecI::load_aligned(kFirstOfGroup.of[width]);
  Vec sum[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    sum[i] = splat(0.0F);
    __builtin_prefetch(next + i * block.ahead.pitch, 0, 2);
  }
  const float* b = block.b;
  for (int64_t run = 0; run < block.runs; ++run, a += block.run_pitch) {
    for (int64_t channel = 0; channel < width; ++channel) {
      const VecI lanes = first + VecI(static_cast<int32_t>(channel));
      const float* row = b + channel * kPitch;
      if constexpr (kThree) {
        const Vec weight[3] = {load(row), load(row + b_step), load(row + 2 * b_step)};
#pragma GCC unroll 10
        for (int pixel = 0; pixel < kRows + 2; ++pixel) {
          const Vec x = permute(load(a + pixel * kLanes), lanes);
#pragma GCC unroll 3
          for (int tap = 0; tap < 3; ++tap) {
            const int i = pixel - tap;
            if (i >= 0 && i < kRows) sum[i] = fma(x, weight[tap], sum[i]);
          }
        }
      } else {
        const float* pixel = a;
        for (int64_t p = 0; p < block.k; p += width, pixel += kLanes, row += b_step) {
          const Vec weight = load(row);
#pragma GCC unroll 8
          for (int i = 0; i < kRows; ++i) {
            sum[i] = fma(permute(load(pixel + i * block.a_pitch), lanes), weight, sum[i]);
          }
        }
      }
    }
    b += block.k * kPitch;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) store(sums + i * kLanes, sum[i]);
}

}  // namespace
}  // namespace vitrine::simd
