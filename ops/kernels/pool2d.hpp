#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// The pixels under a window that lie within the image.
struct PoolWindow {
  int64_t rows, columns;
  int64_t row_step, column_step;  ///< in floats
};

/// Kernels of ops/max_pool2d and ops/avg_pool2d: one place of a window, all channels of NHWC
/// images. (ops/interpolate and ops/index_select add lines with add_scaled, too.)
struct Pool2d {
  /// y[c] = the largest of the window's pixels, x being the first; winner[c] = which pixel it was,
  /// counted in row-major order from 0: the first of equal ones, and the last NaN if there is one.
  /// Without any pixel, -inf and 0.
  void (*max)(const PoolWindow& window, int64_t channels, const float* x, float* y, float* winner);
  /// y[c] = factor times the sum of the window's pixels.
  void (*sum)(const PoolWindow& window, int64_t channels, const float* x, float factor, float* y);

  /// dx[c] += dy[c] where winner[c] is `pixel`.
  void (*add_where)(int64_t channels, const float* dy, const float* winner, float pixel, float* dx);
  /// dx[c] += factor dy[c].
  void (*add_scaled)(int64_t channels, const float* dy, float factor, float* dx);
};

}  // namespace vitrine::kernels
