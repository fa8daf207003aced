#pragma once

#include <cstdint>

#include "ops/kernels/rotary_embedding.hpp"

namespace vitrine::reference {

/// f(u, v) for the places u and v of each pair of a vector.
template <class F>
void each_pair(RotaryLayout layout, int64_t head_dim, F f) {
  for (int64_t j = 0; j < head_dim / 2; ++j) {
    if (layout == RotaryLayout::kHalf) {
      f(j, j + head_dim / 2);
    } else {
      f(2 * j, 2 * j + 1);
    }
  }
}

/// u' = u cos - v sin        v' = v cos + u sin; back: the transposed matrix
template <class T>
void rotary_embedding_rotate(RotaryLayout layout, bool back, int64_t vectors, int64_t head_dim,
                             const T* x, int64_t pitch, const T* cos, const T* sin,
                             int64_t table_pitch, T* y) {
  for (int64_t i = 0; i < vectors; ++i) {
    each_pair(layout, head_dim, [&](int64_t u, int64_t v) {
      const T xu = x[u];
      const T xv = x[v];
      y[u] = back ? xu * cos[u] + xv * sin[v] : xu * cos[u] - xv * sin[u];
      y[v] = back ? xv * cos[v] - xu * sin[u] : xv * cos[v] + xu * sin[v];
    });
    x += pitch;
    y += pitch;
    cos += table_pitch;
    sin += table_pitch;
  }
}

/// dcos_u += dy_u x_u, dsin_u -= dy_u x_v        dcos_v += dy_v x_v, dsin_v += dy_v x_u
template <class T>
void rotary_embedding_table_backward(RotaryLayout layout, int64_t head_dim, const T* x, const T* dy,
                                     T* dcos, T* dsin) {
  each_pair(layout, head_dim, [&](int64_t u, int64_t v) {
    dcos[u] += dy[u] * x[u];
    dcos[v] += dy[v] * x[v];
    dsin[u] -= dy[u] * x[v];
    dsin[v] += dy[v] * x[u];
  });
}

}  // namespace vitrine::reference
