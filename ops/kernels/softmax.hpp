#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// Kernels of ops/softmax, along contiguous rows of (rows, width). Nothing may overlap.
struct Softmax {
  void (*forward)(int64_t rows, int64_t width, const float* x, float* y);
  void (*log_forward)(int64_t rows, int64_t width, const float* x, float* y);

  /// y is what the forward kernel wrote.
  void (*backward)(int64_t rows, int64_t width, const float* dy, const float* y, float* dx);
  void (*log_backward)(int64_t rows, int64_t width, const float* dy, const float* y, float* dx);
};

}  // namespace vitrine::kernels
