#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace vitrine::reference {

/// max_i x_i; it is taken out of every power, which could overflow otherwise.
template <class T>
T row_max(int64_t width, const T* x) {
  T m = -std::numeric_limits<T>::infinity();
  for (int64_t i = 0; i < width; ++i) m = x[i] > m ? x[i] : m;
  return m;
}

/// sum_i e^(x_i - m)
template <class T>
T row_sum_exp(int64_t width, const T* x, T m) {
  T sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += std::exp(x[i] - m);
  return sum;
}

/// y_i = e^(x_i - m) / sum_j e^(x_j - m)
template <class T>
void softmax_forward(int64_t rows, int64_t width, const T* x, T* y) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const T m = row_max(width, x);
    const T sum = row_sum_exp(width, x, m);
    for (int64_t i = 0; i < width; ++i) y[i] = std::exp(x[i] - m) / sum;
  }
}

/// y_i = (x_i - m) - log sum_j e^(x_j - m)
template <class T>
void log_softmax_forward(int64_t rows, int64_t width, const T* x, T* y) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const T m = row_max(width, x);
    const T log_sum = std::log(row_sum_exp(width, x, m));
    for (int64_t i = 0; i < width; ++i) y[i] = (x[i] - m) - log_sum;
  }
}

/// dy_j / dx_i = y_j ([i = j] - y_i), therefore dx_i = y_i (dy_i - sum_j dy_j y_j)
template <class T>
void softmax_backward(int64_t rows, int64_t width, const T* dy, const T* y, T* dx) {
  for (int64_t r = 0; r < rows; ++r, dy += width, y += width, dx += width) {
    T sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += dy[i] * y[i];
    for (int64_t i = 0; i < width; ++i) dx[i] = y[i] * (dy[i] - sum);
  }
}

/// dy_j / dx_i = [i = j] - e^(y_i), therefore dx_i = dy_i - e^(y_i) sum_j dy_j
template <class T>
void log_softmax_backward(int64_t rows, int64_t width, const T* dy, const T* y, T* dx) {
  for (int64_t r = 0; r < rows; ++r, dy += width, y += width, dx += width) {
    T sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += dy[i];
    for (int64_t i = 0; i < width; ++i) dx[i] = dy[i] - std::exp(y[i]) * sum;
  }
}

}  // namespace vitrine::reference
