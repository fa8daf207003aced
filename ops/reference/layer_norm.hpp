#pragma once

#include <cmath>
#include <cstdint>

namespace vitrine::reference {

/// y = (x - mean) / sqrt(var + eps) * gamma + beta, row by row.
/// The variance comes from the differences (two passes): E[x^2] - E[x]^2 cancels in float.
template <class T>
void layer_norm_forward(int64_t rows, int64_t width, const T* x, const T* gamma, const T* beta,
                        T eps, T* y, T* mean, T* rstd) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    T sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += x[i];
    const T m = sum / static_cast<T>(width);

    T squares = 0;
    for (int64_t i = 0; i < width; ++i) squares += (x[i] - m) * (x[i] - m);
    const T s = 1 / std::sqrt(squares / static_cast<T>(width) + eps);

    for (int64_t i = 0; i < width; ++i) {
      const T normal = (x[i] - m) * s;
      y[i] = gamma == nullptr ? normal : normal * gamma[i] + beta[i];
    }
    mean[r] = m;
    rstd[r] = s;
  }
}

/// With n = (x - mean) rstd and g = dy gamma:
///   dgamma = sum over rows of dy n         dbeta = sum over rows of dy
///   dx = rstd (g - mean(g) - n mean(g n)) + sum
template <class T>
void layer_norm_backward(int64_t rows, int64_t width, const T* dy, const T* x, const T* gamma,
                         const T* mean, const T* rstd, const T* sum, T* dx, T* dgamma, T* dbeta) {
  for (int64_t r = 0; r < rows; ++r, dy += width, x += width) {
    T sum_g = 0;
    T sum_gn = 0;
    for (int64_t i = 0; i < width; ++i) {
      const T n = (x[i] - mean[r]) * rstd[r];
      const T g = gamma == nullptr ? dy[i] : dy[i] * gamma[i];
      sum_g += g;
      sum_gn += g * n;
      if (dgamma != nullptr) dgamma[i] += dy[i] * n;
      if (dbeta != nullptr) dbeta[i] += dy[i];
    }
    if (dx == nullptr) continue;
    const T mean_g = sum_g / static_cast<T>(width);
    const T mean_gn = sum_gn / static_cast<T>(width);
    for (int64_t i = 0; i < width; ++i) {
      const T n = (x[i] - mean[r]) * rstd[r];
      const T g = gamma == nullptr ? dy[i] : dy[i] * gamma[i];
      dx[i] = rstd[r] * (g - mean_g - n * mean_gn) + (sum == nullptr ? 0 : sum[i]);
    }
    dx += width;
    if (sum != nullptr) sum += width;
  }
}

}  // namespace vitrine::reference
