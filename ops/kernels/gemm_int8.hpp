#pragma once

#include <cstdint>

#include "ops/kernels/gemm.hpp"

namespace vitrine::kernels {

/// How a row of activations is written in integers: x = scale (q - zero), q in 0 .. levels. The
/// scale of a row that holds an infinity or a NaN is NaN, and so is all that follows from it.
struct RowScale {
  float scale;
  int32_t zero;
};

/// A block of rows of A, integers, times one micro-panel of B: for every element
///   sum = sum over p of (q_a[i][p] - zero_i) q_b[p][j], exact
///       = sum over p of q_a[i][p] q_b[p][j] - zero_i sum over p of q_b[p][j]
///   v = scale_i scale_j sum + bias_j, and then the rest of the epilogue
struct Int8Block {
  int64_t rows;     ///< of A and C
  int64_t columns;  ///< of C, 1 .. GemmInt8::nr
  int64_t steps;    ///< of k, GemmInt8::step values each
  const uint8_t* a;
  int64_t a_pitch;            ///< bytes; steps * GemmInt8::step of them are read of each row
  const RowScale* row_scale;  ///< (rows)
  const int8_t* b;            ///< micro-panel: `steps` steps and then `repeats` ones
  const int32_t* repeated;    ///< (repeats) the steps of A that those multiply
  int64_t repeats;
  const int8_t* ahead;  ///< what will probably be read after this, to be fetched into L2 meanwhile
  int64_t ahead_bytes;
  const float* scale;      ///< of the columns, in whole vectors
  const int32_t* weights;  ///< sums of the columns of q_b, in whole vectors
  float* c;                ///< (rows, columns) with a row pitch
  int64_t c_pitch;
  GemmEpilogue epilogue;  ///< alpha and accumulate are not used; begins where c does
};

/// Kernels of ops/gemm/gemm_int8. Sums are exact in 32 bits for k up to kMostK, so nothing about
/// them depends on the ISA or on how a product is cut.
struct GemmInt8 {
  int64_t mr;         ///< rows of a tile of C beside a whole micro-panel
  int64_t nr;         ///< most columns of a micro-panel of B
  int64_t lanes;      ///< columns are computed in vectors of so many
  int64_t step;       ///< values of k that are multiplied at once, at most kLongestStep
  int64_t tile_rows;  ///< A is read by so many rows: those behind its last may hold anything
  int32_t levels;     ///< 255, or 127 where instructions add products in 16 bits
  /// Where that is so: the most that weights of one sign may add up to in such a sum, which takes
  /// four values of k: 0, 1, 4, 5 or 2, 3, 6, 7 of a step. Weights beyond it are split over two
  /// steps. 0: no limit.
  int32_t most;
  uint8_t flip;  ///< quantize writes q ^ flip: 128 where instructions take signed bytes

  static constexpr int64_t kLongestStep = 64;
  /// Longest k of exact sums: 255 * 127 * k < 2^31.
  static constexpr int64_t kMostK = 65536;

  MicroPanels cut() const { return {nr, lanes}; }

  /// The smallest and largest value of n floats and 0, and 0 times their sum, which is NaN if one
  /// of them is no number.
  struct Range {
    float low = 0, high = 0, none = 0;

    void add(const Range& other) {
      low = other.low < low ? other.low : low;
      high = other.high > high ? other.high : high;
      none += other.none;
    }
  };
  Range (*range)(int64_t n, const float* x);

  /// to[i] = q ^ flip, q = round(x[i] / scale) + zero within 0 .. levels, 1 / scale given; ties go
  /// to even.
  void (*quantize)(int64_t n, const float* x, float inverse, int32_t zero, uint8_t* to);

  /// Where the value (p, j) of a step lies in a micro-panel: p < step, j < its columns.
  int64_t (*place)(int64_t p, int64_t j);

  void (*multiply)(const Int8Block& block);

  /// The machine's limit, for reports: `steps` rounds of independent products of bytes that never
  /// leave the registers, by the instructions as they are meant to be used, and their sum.
  int32_t (*peak)(int64_t steps);
  int64_t ops_per_step;  ///< 2 per multiply-add
};

/// The one rule by which a range becomes a scale and a zero.
inline RowScale row_scale_of(const GemmInt8::Range& range, int32_t levels) {
  // Below it 1 / scale would overflow; such a row adds nothing.
  constexpr float kSmallest = 1e-30F;
  const float width = range.high - range.low;
  if (width < kSmallest) return {range.none, 0};
  const float scale = width / static_cast<float>(levels);
  const float zero = -range.low / scale;  // within 0 .. levels, but for rounding
  const bool known = zero >= 0 && zero <= static_cast<float>(levels) + 1;
  const auto nearest = known ? static_cast<int32_t>(zero + 0.5F) : 0;
  return {scale + range.none, nearest < levels ? nearest : levels};
}

/// 1 / scale for `quantize`; 0 for a row without one.
inline float inverse_of(const RowScale& row) { return row.scale > 0 ? 1 / row.scale : 0; }

}  // namespace vitrine::kernels
