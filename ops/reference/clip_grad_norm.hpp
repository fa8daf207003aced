#pragma once

#include <cstdint>

namespace vitrine::reference {

template <class T>
double gradient_sum_squares(int64_t n, const T* x) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

template <class T>
void gradient_scale(int64_t n, T factor, T* x) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

}  // namespace vitrine::reference
