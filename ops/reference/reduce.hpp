#pragma once

#include <cstdint>

namespace vitrine::reference {

/// y[j] = sum over r of x[r][j]. A sum of floats is kept in double: adding thousands of floats to a
/// large float loses their digits.
template <class T>
void sum(int64_t n, int64_t width, int64_t pitch, const T* x, T* y) {
  for (int64_t j = 0; j < width; ++j) {
    double total = 0;
    for (int64_t r = 0; r < n; ++r) total += static_cast<double>(x[r * pitch + j]);
    y[j] = static_cast<T>(total);
  }
}

/// Sums of d = x[r][j] - center[j] and of d^2.
template <class T>
void deviations(int64_t n, int64_t width, int64_t pitch, const T* x, const T* center, T* sums,
                T* squares) {
  for (int64_t j = 0; j < width; ++j) {
    double first = 0;
    double second = 0;
    for (int64_t r = 0; r < n; ++r) {
      const double d = static_cast<double>(x[r * pitch + j]) - static_cast<double>(center[j]);
      first += d;
      second += d * d;
    }
    sums[j] = static_cast<T>(first);
    squares[j] = static_cast<T>(second);
  }
}

/// y[j] = max over r of x[r][j]; NaN if one is.
template <class T>
void max(int64_t n, int64_t width, int64_t pitch, const T* x, T* y) {
  for (int64_t j = 0; j < width; ++j) {
    T best = x[j];
    for (int64_t r = 1; r < n; ++r) {
      const T value = x[r * pitch + j];
      if (!(best >= value) && best == best) best = value;
    }
    y[j] = best;
  }
}

}  // namespace vitrine::reference
