#pragma once

#include <cstddef>
#include <cstdint>

#include "core/random.hpp"
#include "ops/kernels/dropout.hpp"

namespace vitrine::reference {

/// The uniform number of element i of a mask (see kernels::DropoutMask).
inline float dropout_uniform(const kernels::DropoutMask& mask, int64_t i) {
  const int64_t block = i / 64 * 16 + i % 16;
  const int64_t word = i % 64 / 16;
  const auto words =
      philox({static_cast<uint32_t>(block), mask.stream, static_cast<uint32_t>(mask.step),
              static_cast<uint32_t>(mask.step >> 32)},
             mask.seed);
  return unit_float(words[static_cast<size_t>(word)]);
}

/// y = keep ? x scale : 0
inline void dropout_apply(int64_t n, int64_t first, const kernels::DropoutMask& mask,
                          const float* x, float* y) {
  for (int64_t i = 0; i < n; ++i) {
    const bool keep = dropout_uniform(mask, first + i) >= mask.p;
    y[i] = keep ? (x == nullptr ? 1.0F : x[i]) * mask.scale : 0.0F;
  }
}

/// y = residual + factor x, one factor per row
template <class T>
void dropout_scale_rows(int64_t rows, int64_t width, const T* factor, const T* x, const T* residual,
                        T* y) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = r * width; i < (r + 1) * width; ++i) {
      const T added = factor[r] == 0 ? 0 : factor[r] * x[i];
      y[i] = residual == nullptr ? added : residual[i] + added;
    }
  }
}

}  // namespace vitrine::reference
