#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// Kernels of ops/layer_norm. Rows are contiguous; nothing may overlap but dx with dy or sum.
struct LayerNorm {
  /// x, y (rows, width); gamma, beta (width), or both null for 1 and 0; mean, rstd (rows) are
  /// written for backward: the mean and 1 / sqrt(variance + eps) of each row.
  void (*forward)(int64_t rows, int64_t width, const float* x, const float* gamma,
                  const float* beta, float eps, float* y, float* mean, float* rstd);

  /// dx (rows, width) is overwritten, with `sum` (rows, width) added if that is there; dgamma and
  /// dbeta (width) are added to. Each may be null.
  void (*backward)(int64_t rows, int64_t width, const float* dy, const float* x, const float* gamma,
                   const float* mean, const float* rstd, const float* sum, float* dx, float* dgamma,
                   float* dbeta);
};

}  // namespace vitrine::kernels
