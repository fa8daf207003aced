#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// Kernels of ops/batch_norm and ops/group_norm, whose statistics are given per channel. x, y, dy
/// and dx are (rows, width) without gaps; everything else is (width). Nothing may overlap but dx
/// with dy.
struct ChannelNorm {
  /// y = (x - mean) scale + shift + residual, and max(0, that) if `relu`. residual is (rows, width)
  /// or null.
  void (*forward)(int64_t rows, int64_t width, const float* x, const float* mean,
                  const float* scale, const float* shift, const float* residual, bool relu,
                  float* y);

  /// Sums over the rows of d and of d (x - mean), where d is dy, or 0 where y is not above 0. y may
  /// be null: then d is dy.
  void (*sums)(int64_t rows, int64_t width, const float* dy, const float* x, const float* y,
               const float* mean, float* sum, float* product);

  /// dx = a d + b (x - mean) + c, with d as above.
  void (*backward)(int64_t rows, int64_t width, const float* dy, const float* x, const float* y,
                   const float* mean, const float* a, const float* b, const float* c, float* dx);
};

}  // namespace vitrine::kernels
