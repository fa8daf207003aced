#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "ops/kernels/gemm_int8.hpp"
#include "ops/reference/gemm.hpp"

namespace vitrine::reference {

constexpr int64_t kInt8Columns = 8;

inline kernels::GemmInt8::Range int8_range(int64_t n, const float* x) {
  kernels::GemmInt8::Range range;
  for (int64_t i = 0; i < n; ++i) {
    range.low = std::min(range.low, x[i]);
    range.high = std::max(range.high, x[i]);
    range.none += 0 * x[i];
  }
  return range;
}

inline void int8_quantize(int64_t n, const float* x, float inverse, int32_t zero, uint8_t* to) {
  for (int64_t i = 0; i < n; ++i) {
    // What is no number has a scale that is none.
    const float scaled = x[i] * inverse;
    const float nearest = std::isfinite(scaled) ? std::nearbyint(scaled) : 0;
    const float q = nearest + static_cast<float>(zero);
    to[i] = static_cast<uint8_t>(std::clamp(q, 0.0F, 255.0F));
  }
}

inline int64_t int8_place(int64_t, int64_t j) { return j; }

inline void int8_multiply(const kernels::Int8Block& block) {
  for (int64_t i = 0; i < block.rows; ++i) {
    const uint8_t* a = block.a + i * block.a_pitch;
    const kernels::RowScale row = block.row_scale[i];
    for (int64_t j = 0; j < block.columns; ++j) {
      int32_t sum = 0;
      for (int64_t p = 0; p < block.steps; ++p) sum += a[p] * block.b[p * block.columns + j];
      sum -= row.zero * block.weights[j];
      const float v = static_cast<float>(sum) * row.scale * block.scale[j];
      block.c[i * block.c_pitch + j] = gemm_epilogue(block.epilogue, i, j, v);
    }
  }
}

/// As many independent chains as kernels::Peak has here.
constexpr int64_t kInt8PeakChains = 8;

inline int32_t int8_peak(int64_t steps) {
  uint32_t chain[kInt8PeakChains] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int64_t step = 0; step < steps; ++step) {
    for (uint32_t& c : chain) c = c * 3 + 1;
  }
  uint32_t sum = 0;
  for (const uint32_t c : chain) sum += c;
  return static_cast<int32_t>(sum);
}

}  // namespace vitrine::reference
