#pragma once

#include <cstdint>

#include "ops/kernels/activation.hpp"

namespace vitrine {

/// What happens to an element of C = A B before it is stored, in this order; the tile is still in
/// L1. Every pointer may be null. n is the number of columns of C.
///   v = alpha (A B)[i][j] + bias[j]
///   pre[i][j] = v                     what the backward of the activation needs
///   v = activation(v) scale[j]        scale is LayerScale's gamma
///   C[i][j] = v + residual[i][j], and with `relu` max(0, that)
/// With `accumulate` it is C[i][j] += alpha (A B)[i][j], and nothing else may be set.
struct GemmEpilogue {
  float alpha = 1.0F;
  bool accumulate = false;
  Activation activation = Activation::kNone;
  const float* bias = nullptr;      ///< (n)
  const float* scale = nullptr;     ///< (n)
  const float* residual = nullptr;  ///< (m, n) with a row pitch; may not overlap C
  bool relu = false;
  int64_t residual_pitch = 0;
  float* pre = nullptr;  ///< (m, n) with a row pitch
  int64_t pre_pitch = 0;

  /// The same for the part of C that begins at (row, column).
  GemmEpilogue at(int64_t row, int64_t column) const {
    GemmEpilogue e = *this;
    if (bias != nullptr) e.bias += column;
    if (scale != nullptr) e.scale += column;
    if (residual != nullptr) e.residual += row * residual_pitch + column;
    if (pre != nullptr) e.pre += row * pre_pitch + column;
    return e;
  }
};

}  // namespace vitrine

namespace vitrine::kernels {

/// Row where tile i begins when `rows` rows are split evenly over `tiles` tiles: 197 rows are 25
/// tiles of 7 or 8 rows, not 24 of 8 and one of 5.
constexpr int64_t tile_begin(int64_t rows, int64_t tiles, int64_t i) { return i * rows / tiles; }

/// A block of rows of A times one panel of B, over one block of K.
struct GemmBlock {
  int64_t rows;         ///< of A and C, split evenly over `tiles`
  int64_t tiles;        ///< each of at most Gemm::mr rows
  int64_t columns;      ///< of C, 1 .. Gemm::nr
  int64_t k;            ///< length of this block of K
  const float* a;       ///< packed tiles, [k][rows of the tile] each; or rows where they lie
  int64_t tile_stride;  ///< packed: floats from one tile to the next
  int64_t a_pitch;      ///< in place: floats from one row to the next; 0 if packed
  const float* b;       ///< packed panel, [k][nr]
  const float* next;    ///< what will probably be read after this, to be fetched meanwhile
  int64_t next_floats;
  float* c;  ///< (rows, columns) with a row pitch
  int64_t c_pitch;
  bool add;               ///< C holds the sum over the blocks of K before this one
  bool last;              ///< the epilogue's turn
  GemmEpilogue epilogue;  ///< begins where c does
};

/// Kernels of ops/gemm. The block sizes belong to the micro-kernel, so they travel beside it.
/// Every element of C is one chain of k multiply-adds per block of K, whatever tile it falls in,
/// and the blocks' sums are added in order: the bits depend on the ISA and on K, not on how M and N
/// are cut.
struct Gemm {
  int64_t mr;  ///< most rows of a tile
  int64_t nr;  ///< columns of a panel
  int64_t kc;  ///< longest block of K

  /// Interleaves `rows` rows of a strided matrix: to[p * width + r] = from[r * row_stride +
  /// p * k_stride] for r < rows, and 0 for rows <= r < width. Packs tiles of A (width = rows <= mr)
  /// and panels of B (width = nr). If width is not nr, up to 15 floats behind the tile are
  /// overwritten.
  void (*pack)(int64_t rows, int64_t k, const float* from, int64_t row_stride, int64_t k_stride,
               int64_t width, float* to);

  void (*multiply)(const GemmBlock& block);
};

}  // namespace vitrine::kernels
