#pragma once

#include <cstdint>

#include "ops/kernels/gated.hpp"
#include "ops/reference/activation.hpp"

namespace vitrine::reference {

/// y = f(a) b
template <class T>
void gated_forward(Activation f, int64_t rows, int64_t width, const T* a, const T* b, int64_t pitch,
                   T* y) {
  for (int64_t r = 0; r < rows; ++r, a += pitch, b += pitch, y += width) {
    for (int64_t i = 0; i < width; ++i) y[i] = activate(f, a[i]) * b[i];
  }
}

/// da = dy f'(a) b        db = dy f(a)
template <class T>
void gated_backward(Activation f, int64_t rows, int64_t width, const T* dy, const T* a, const T* b,
                    int64_t pitch, T* da, T* db) {
  for (int64_t r = 0; r < rows;
       ++r, dy += width, a += pitch, b += pitch, da += pitch, db += pitch) {
    for (int64_t i = 0; i < width; ++i) {
      da[i] = dy[i] * activation_derivative(f, a[i]) * b[i];
      db[i] = dy[i] * activate(f, a[i]);
    }
  }
}

}  // namespace vitrine::reference
