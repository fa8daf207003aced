#pragma once

#include <cstdint>

#include "ops/kernels/bfloat16.hpp"
#include "ops/kernels/gemm.hpp"
#include "ops/reference/activation.hpp"

namespace vitrine::reference {

/// C = A B with A (m, k), B (k, n), C (m, n). An element (i, j) of X is x[i * x_row + j *
/// x_column], so that swapping the two strides transposes.
template <class T>
void gemm(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_column, const T* b,
          int64_t b_row, int64_t b_column, T* c, int64_t c_row) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      T sum = 0;
      for (int64_t p = 0; p < k; ++p) {
        sum += a[i * a_row + p * a_column] * b[p * b_row + j * b_column];
      }
      c[i * c_row + j] = sum;
    }
  }
}

/// The epilogue for element (i, j) of C, in the order that GemmEpilogue states.
inline float gemm_epilogue(const GemmEpilogue& e, int64_t i, int64_t j, float v) {
  if (e.bias != nullptr) v += e.bias[j];
  if (e.preactivation_out != nullptr) e.preactivation_out[i * e.preactivation_out_pitch + j] = v;
  if (e.preactivation_in != nullptr) {
    const float before = e.preactivation_in[i * e.preactivation_in_pitch + j];
    if (e.activated_out != nullptr)
      e.activated_out[i * e.preactivation_in_pitch + j] = activate(e.activation, before);
    v *= activation_derivative(e.activation, before);
  } else {
    v = activate(e.activation, v);
  }
  if (e.scale != nullptr) v *= e.scale[j];
  if (e.residual != nullptr) v += e.residual[i * e.residual_pitch + j];
  return e.relu && v < 0 ? 0.0F : v;
}

constexpr int64_t kGemmRows = 8;
constexpr int64_t kGemmColumns = 8;
constexpr int64_t kGemmLanes = 1;
constexpr int64_t kGemmBlockK = 1024;

inline void gemm_pack(int64_t rows, int64_t k, const float* from, int64_t row_stride,
                      int64_t k_stride, int64_t width, float* to) {
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t r = 0; r < width; ++r) {
      to[p * width + r] = r < rows ? from[r * row_stride + p * k_stride] : 0.0F;
    }
  }
}

inline void gemm_transpose(int64_t rows, int64_t columns, const float* from, int64_t from_pitch,
                           float* to, int64_t to_pitch) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) to[c * to_pitch + r] = from[r * from_pitch + c];
  }
}

/// A[i][p] for column j; i counts rows of the block, r those of its tile of `rows`.
inline float gemm_a(const kernels::GemmBlock& block, int64_t tile, int64_t rows, int64_t i,
                    int64_t r, int64_t p, int64_t j) {
  using enum kernels::GemmA;
  const int64_t run = p / block.k * block.run_pitch;
  const int64_t at = p % block.k;
  switch (block.a_layout) {
    case kPacked:
      return block.a[tile * block.a_pitch + p * rows + r];
    case kRows:
      return block.a[i * block.a_pitch + run + at];
    case kColumns:
      return block.a[p * block.a_pitch + i];
    case kGroups:
      return block.a[i * block.a_pitch + run + at / block.width * kGemmLanes +
                     j / block.width * block.width + at % block.width];
  }
  return 0.0F;
}

/// The product of packed operands; the loop over j is inside so that B is read in order.
inline void gemm_multiply(const kernels::GemmBlock& block) {
  for (int64_t t = 0; t < block.tiles; ++t) {
    const int64_t begin = kernels::tile_begin(block.rows, block.tiles, t);
    const int64_t end = kernels::tile_begin(block.rows, block.tiles, t + 1);
    for (int64_t i = begin; i < end; ++i) {
      float sum[kGemmColumns] = {};
      for (int64_t p = 0; p < block.runs * block.k; ++p) {
        for (int64_t j = 0; j < block.columns; ++j) {
          sum[j] +=
              gemm_a(block, t, end - begin, i, i - begin, p, j) * block.b[p * kGemmColumns + j];
        }
      }
      float* c = block.c + i * block.c_pitch;
      for (int64_t j = 0; j < block.columns; ++j) {
        const float v = block.epilogue.alpha * sum[j] + (block.add ? c[j] : 0.0F);
        c[j] = block.last ? gemm_epilogue(block.epilogue, i, j, v) : v;
      }
    }
  }
}

inline void gemm_narrow(int64_t n, const float* from, uint16_t* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = to_bfloat16(from[i]);
}

inline void gemm_widen(int64_t n, const uint16_t* from, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = from_bfloat16(from[i]);
}

}  // namespace vitrine::reference
