#pragma once

#include <cstdint>

namespace vitrine::reference {

/// y = (x - mean) scale + shift per channel, plus residual if there is one, and max(0, that) if
/// `relu`.
template <class T>
void channel_norm_forward(int64_t rows, int64_t width, const T* x, const T* mean, const T* scale,
                          const T* shift, const T* residual, bool relu, T* y) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < width; ++c) {
      T v = (x[r * width + c] - mean[c]) * scale[c] + shift[c];
      if (residual != nullptr) v += residual[r * width + c];
      y[r * width + c] = relu && v < 0 ? T(0) : v;
    }
  }
}

/// Sums over the rows of d and of d (x - mean): d is dy where y > 0 (or y is null), else 0.
template <class T>
void channel_norm_sums(int64_t rows, int64_t width, const T* dy, const T* x, const T* y,
                       const T* mean, T* sum, T* product) {
  for (int64_t c = 0; c < width; ++c) {
    sum[c] = product[c] = 0;
    for (int64_t i = c; i < rows * width; i += width) {
      const T d = y == nullptr || y[i] > 0 ? dy[i] : T(0);
      sum[c] += d;
      product[c] += d * (x[i] - mean[c]);
    }
  }
}

/// dx = a d + b (x - mean) + c, with d as above.
template <class T>
void channel_norm_backward(int64_t rows, int64_t width, const T* dy, const T* x, const T* y,
                           const T* mean, const T* a, const T* b, const T* c, T* dx) {
  for (int64_t i = 0; i < rows * width; ++i) {
    const int64_t j = i % width;
    const T d = y == nullptr || y[i] > 0 ? dy[i] : T(0);
    dx[i] = a[j] * d + b[j] * (x[i] - mean[j]) + c[j];
  }
}

}  // namespace vitrine::reference
