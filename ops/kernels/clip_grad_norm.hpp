#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// Kernels of ops/optimizers/clip_grad_norm.
struct ClipGradNorm {
  /// sum of x[i]^2 over n elements.
  double (*sum_squares)(int64_t n, const float* x);
  /// x = factor * x over n elements.
  void (*scale)(int64_t n, float factor, float* x);
};

}  // namespace vitrine::kernels
