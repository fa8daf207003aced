#pragma once

// Transposition of small blocks in registers, with the compiler's own vectors: the same source
// gives unpack and insert instructions on x86 and zip instructions on ARM.

#include <cstdint>

namespace vitrine::simd {
namespace {

using Quad = float __attribute__((vector_size(16)));
using Octet = float __attribute__((vector_size(32)));  // two registers where they are 128 bits wide

inline Quad load_quad(const float* p) {
  Quad q;
  __builtin_memcpy(&q, p, sizeof q);
  return q;
}

inline void store_quad(float* p, Quad q) { __builtin_memcpy(p, &q, sizeof q); }

/// to[c * pitch + r] = row[r][at + c] for 8 rows and 4 columns. Writes 8 floats per column, in the
/// order of the columns: with a pitch below 8 the later ones overwrite what the earlier ones wrote
/// too far.
inline void transpose_8x4(const float* const row[8], int64_t at, float* to, int64_t pitch) {
  // Rows i and i + 4 side by side, so that the shuffles below stay within 128 bits.
  Octet r[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = __builtin_shufflevector(load_quad(row[i] + at), load_quad(row[i + 4] + at), 0, 1, 2, 3,
                                   4, 5, 6, 7);
  }
  const Octet lo01 = __builtin_shufflevector(r[0], r[1], 0, 8, 1, 9, 4, 12, 5, 13);
  const Octet hi01 = __builtin_shufflevector(r[0], r[1], 2, 10, 3, 11, 6, 14, 7, 15);
  const Octet lo23 = __builtin_shufflevector(r[2], r[3], 0, 8, 1, 9, 4, 12, 5, 13);
  const Octet hi23 = __builtin_shufflevector(r[2], r[3], 2, 10, 3, 11, 6, 14, 7, 15);
  const Octet column[4] = {
      __builtin_shufflevector(lo01, lo23, 0, 1, 8, 9, 4, 5, 12, 13),
      __builtin_shufflevector(lo01, lo23, 2, 3, 10, 11, 6, 7, 14, 15),
      __builtin_shufflevector(hi01, hi23, 0, 1, 8, 9, 4, 5, 12, 13),
      __builtin_shufflevector(hi01, hi23, 2, 3, 10, 11, 6, 7, 14, 15),
  };
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) __builtin_memcpy(to + c * pitch, &column[c], sizeof column[c]);
}

}  // namespace
}  // namespace vitrine::simd
