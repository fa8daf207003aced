#pragma once

// The innermost loop of every matrix product, attention's too: a tile of C, MR x NR, kRows x
// (kVectors * kLanes), stays in registers while k runs.
//
//   for p in 0..k:  for i in rows, j in columns:  C[i][j] += A[p][i] * B[p][j]
//
// A is read as broadcasts: a micro-panel packed as [k][kRows], or where it lies. B is a packed
// micro-panel, [k][NR], and read as vectors. Per step: kRows broadcasts and kVectors loads for
// kRows * kVectors multiply-adds, e.g. 11 for 24.
//
// Compiled with VT_BF16 (kernels::Kernels::gemm_bf16), every "float" of A and B is a word that
// holds two numbers of bf16, the next two of k, and k counts words. Nothing else differs.

#include "ops/simd/activation.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

// Steps of k in a turn of the loop. Processors foresee the end of a loop of 96 turns, and not that
// of one of 192, as K is in small models. On ARM g++ 12 would keep values on the stack for it.
#if defined(__aarch64__)
constexpr int kStepsInTurn = 1;
#else
constexpr int kStepsInTurn = 2;
#endif

/// sum += x row. Where numbers are of bf16, x and row hold two in each word: sum += x0 row0 + x1
/// row1.
[[gnu::always_inline]] inline void multiply_add(Vec& sum, Vec x, Vec row) {
#if !defined(VT_BF16)
  sum = fma(x, row, sum);
#elif defined(__aarch64__)
  sum = vbfdotq_f32(sum, vreinterpretq_bf16_f32(x), vreinterpretq_bf16_f32(row));
#else
  // In assembly, since g++ 12 makes of such an intrinsic two moves and a store beside it.
  __m512 total = sum;
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(total) : "v"(__m512(x)), "v"(__m512(row)));
  sum = total;
#endif
}

/// What all tiles of a block of C have in common: they lie below one another, beside one
/// micro-panel of B.
struct MicroBlock {
  int64_t runs;  ///< of k steps each, run_pitch floats of A apart where there are several
  int64_t run_pitch;
  int64_t k;
  const float* b;
  int64_t b_pitch;
  int64_t c_pitch;
  int64_t last;         ///< floats of C, and of what is added, in the last vector of a row
  bool start_c;         ///< the sums start at what C holds, in whole vectors, instead of at 0
  bool add_c;           ///< to the sums is added, in this order: what C holds already,
  const float* bias;    ///< one row for all rows, or null,
  const float* matrix;  ///< and a matrix, whose rows are the tile's, or null
  int64_t matrix_pitch;
  bool relu;  ///< of all that
};

/// c[i * c_pitch + j] = sum over p of A[i][p] * b[p * b_pitch + j], and what `block` adds. A[i][p]
/// is a[i * a_pitch + p] if kRowMajor, otherwise a[p * a_pitch + i]. Meanwhile runs * k * next_step
/// floats from `next` on are fetched into L2, and C into L1. (A and B need no help: the processor
/// sees that they are read in order.)
///
/// Every loop over the accumulators must be unrolled: with a single one left, g++ 12 keeps the
/// whole array in memory and stores each accumulator after each multiply-add, at half the speed.
template <int kRows, int kVectors, bool kRowMajor>
void micro_kernel(const MicroBlock& block, const float* a, int64_t a_pitch, float* c,
                  const float* next, int64_t next_step) {
  const int64_t k = block.k;
  const int64_t b_pitch = block.b_pitch;
  const int64_t c_pitch = block.c_pitch;
  const int64_t last = block.last;
  const float* b = block.b;
  const auto load_part = [last](int j, const float* from) {
    return j + 1 < kVectors || last == kLanes ? load(from) : load_tail(from, last);
  };
  Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      sum[i][j] = block.start_c ? load(c + i * c_pitch + j * kLanes) : splat(0.0F);
    }
  }

  const auto step = [&] {
    Vec row[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) row[j] = load(b + j * kLanes);
    __builtin_prefetch(next, 0, 2);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vec x = splat(kRowMajor ? a[i * a_pitch] : a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) multiply_add(sum[i][j], x, row[j]);
    }
    a += kRowMajor ? 1 : a_pitch;
    b += b_pitch;
    next += next_step;
  };
  // The first steps fetch a row of C each, which may begin within a line; a burst of fetches before
  // them would hold them up. (The lines of a single vector came with the columns before it.)
  const int64_t fetches = kVectors == 1 ? 0 : k < kRows ? k : kRows;
  const float* c_row = c;
  for (int64_t p = 0; p < fetches; ++p, c_row += c_pitch) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors * kLanes; j += kLineFloats) __builtin_prefetch(c_row + j, 1);
    __builtin_prefetch(c_row + kVectors * kLanes - 1, 1);
    step();
  }
#pragma GCC unroll kStepsInTurn
  for (int64_t p = fetches; p < k; ++p) step();
  if constexpr (kRowMajor) {
    for (int64_t run = 1; run < block.runs; ++run) {
      a += block.run_pitch - k;
      for (int64_t p = 0; p < k; ++p) step();
    }
  }

  if (block.add_c) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        sum[i][j] = sum[i][j] + load_part(j, c + i * c_pitch + j * kLanes);
      }
    }
  }
  if (block.bias != nullptr) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      const Vec bias = load_part(j, block.bias + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) sum[i][j] = sum[i][j] + bias;
    }
  }
  if (block.matrix != nullptr) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        sum[i][j] = sum[i][j] + load_part(j, block.matrix + i * block.matrix_pitch + j * kLanes);
      }
    }
  }
  if (block.relu) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sum[i][j] = relu(sum[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      float* to = c + i * c_pitch + j * kLanes;
      if (j + 1 < kVectors || last == kLanes) {
        store(to, sum[i][j]);
      } else {
        store_tail(to, sum[i][j], last);
      }
    }
  }
}

}  // namespace
}  // namespace vitrine::simd
