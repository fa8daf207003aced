#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "ops/kernels/pool2d.hpp"

namespace vitrine::reference {

/// The largest pixel of a window per channel, and which one it was in row-major order: the first of
/// equal ones; a NaN is larger than everything before it.
template <class T>
void pool2d_max(const kernels::PoolWindow& window, int64_t channels, const T* x, T* y, T* winner) {
  for (int64_t c = 0; c < channels; ++c) {
    y[c] = -std::numeric_limits<T>::infinity();
    winner[c] = 0;
    for (int64_t i = 0; i < window.rows * window.columns; ++i) {
      const T value =
          x[i / window.columns * window.row_step + i % window.columns * window.column_step + c];
      if (!(value > y[c]) && !std::isnan(value)) continue;
      y[c] = value;
      winner[c] = static_cast<T>(i);
    }
  }
}

/// factor times the sum of a window's pixels, row by row.
template <class T>
void pool2d_sum(const kernels::PoolWindow& window, int64_t channels, const T* x, T factor, T* y) {
  for (int64_t c = 0; c < channels; ++c) {
    T total = 0;
    for (int64_t u = 0; u < window.rows; ++u) {
      T row = 0;
      for (int64_t v = 0; v < window.columns; ++v) {
        row += x[u * window.row_step + v * window.column_step + c];
      }
      total += row;
    }
    y[c] = total * factor;
  }
}

/// The gradient of a window's maximum goes to the pixel that won it.
template <class T>
void pool2d_add_where(int64_t channels, const T* dy, const T* winner, T pixel, T* dx) {
  for (int64_t c = 0; c < channels; ++c) {
    if (winner[c] == pixel) dx[c] += dy[c];
  }
}

/// The gradient of a window's mean goes to all of its pixels alike.
template <class T>
void pool2d_add_scaled(int64_t channels, const T* dy, T factor, T* dx) {
  for (int64_t c = 0; c < channels; ++c) dx[c] += factor * dy[c];
}

}  // namespace vitrine::reference
