#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// Kernels of ops/normalize.
struct Normalize {
  /// to[i] = (from[i] / 255 - mean[c]) / stddev[c] with c = i % channels, every step rounded to
  /// float32: the same bits on every ISA. from, to (pixels, channels); 1 <= channels <= 4.
  void (*pixels)(int64_t pixels, int64_t channels, const uint8_t* from, const float* mean,
                 const float* stddev, float* to);
};

}  // namespace vitrine::kernels
