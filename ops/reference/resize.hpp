#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/kernels/resize.hpp"

// Resizing, the loop that a student reads; ops/images/resize.cpp makes the weights.

namespace vitrine::reference {

inline void resize_blend_rows(int64_t n, int64_t taps, const int32_t* weights, const uint8_t* from,
                              int64_t pitch, uint8_t* to) {
  for (int64_t i = 0; i < n; ++i) {
    int32_t sum = 1 << (kernels::kResizeBits - 1);
    for (int64_t t = 0; t < taps; ++t) sum += weights[t] * from[t * pitch + i];
    to[i] = static_cast<uint8_t>(std::clamp(sum >> kernels::kResizeBits, 0, 255));
  }
}

}  // namespace vitrine::reference
