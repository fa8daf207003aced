#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// Kernels of ops/reduce. x has n rows of `width` floats, one row `pitch` floats behind the other;
/// each of the `width` columns is reduced to one number. With width 1 and pitch 1 it is one
/// contiguous run. Sums are within 2e-6 sum |x| of the exact ones, for every n.
struct Reduce {
  /// y[j] = sum over r of x[r][j].
  void (*sum)(int64_t n, int64_t width, int64_t pitch, const float* x, float* y);

  /// With d = x[r][j] - center[j]: sums[j] = sum over r of d, squares[j] = sum over r of d^2.
  void (*deviations)(int64_t n, int64_t width, int64_t pitch, const float* x, const float* center,
                     float* sums, float* squares);

  /// y[j] = max over r of x[r][j]; NaN if one is. n >= 1.
  void (*max)(int64_t n, int64_t width, int64_t pitch, const float* x, float* y);
};

}  // namespace vitrine::kernels
