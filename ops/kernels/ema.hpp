#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// Kernels of ops/optimizers/ema.
struct Ema {
  /// average = decay * average + gain * value, n elements; gain is 1 - decay.
  void (*update)(int64_t n, float decay, float gain, const float* value, float* average);
};

}  // namespace vitrine::kernels
