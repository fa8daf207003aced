#pragma once

#include <cstdint>

#include "ops/kernels/activation.hpp"

namespace vitrine {

/// What happens to an element of C = A B before it is stored, in this order; the tile is still in
/// L1. Every pointer may be null. n is the number of columns of C.
///   v = alpha (A B)[i][j] + bias[j]
///   preactivation_out[i][j] = v       written: what the backward of the activation needs
///   v = activation(v) scale[j]        scale is LayerScale's gamma
///       or, with preactivation_in, which is read, the backward of that activation there:
///       v activation'(preactivation_in[i][j]) scale[j], and, written,
///       activated_out[i][j] = activation(preactivation_in[i][j])
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
  float* preactivation_out = nullptr;  ///< written; (m, n) with a row pitch
  int64_t preactivation_out_pitch = 0;
  const float* preactivation_in = nullptr;  ///< read; (m, n) with a row pitch; may not overlap C
  float* activated_out = nullptr;           ///< written; (m, n) with the pitch of preactivation_in
  int64_t preactivation_in_pitch = 0;

  /// Whether C is the product alone.
  bool is_none() const {
    return alpha == 1.0F && !accumulate && activation == Activation::kNone && bias == nullptr &&
           scale == nullptr && residual == nullptr && !relu && preactivation_out == nullptr &&
           preactivation_in == nullptr;
  }

  /// The epilogue of the part of C that begins at (row, column).
  GemmEpilogue at(int64_t row, int64_t column) const {
    GemmEpilogue e = *this;
    if (bias != nullptr) e.bias += column;
    if (scale != nullptr) e.scale += column;
    if (residual != nullptr) e.residual += row * residual_pitch + column;
    if (preactivation_out != nullptr) {
      e.preactivation_out += row * preactivation_out_pitch + column;
    }
    const int64_t in = row * preactivation_in_pitch + column;
    if (preactivation_in != nullptr) e.preactivation_in += in;
    if (activated_out != nullptr) e.activated_out += in;
    return e;
  }
};

}  // namespace vitrine

namespace vitrine::kernels {

/// Row where tile i begins when `rows` rows are split evenly over `tiles` tiles: 197 rows are 25
/// tiles of 7 or 8 rows, not 24 of 8 and one of 5.
constexpr int64_t tile_begin(int64_t rows, int64_t tiles, int64_t i) { return i * rows / tiles; }

/// The same where pieces are of whole units, but for the last, which may be cut short.
constexpr int64_t piece_begin(int64_t rows, int64_t unit, int64_t pieces, int64_t i) {
  const int64_t begin = tile_begin((rows + unit - 1) / unit, pieces, i) * unit;
  return begin < rows ? begin : rows;
}

/// How n columns are cut into micro-panels of at most `nr`: as few as possible, of nearly the same
/// number of vectors, since one of a single vector would be slow. 64 columns by vectors of 16 are 2
/// panels of 32, not one of 48 and one of 16.
struct MicroPanels {
  int64_t nr, lanes;

  int64_t count(int64_t n) const { return (n + nr - 1) / nr; }
  int64_t begin(int64_t n, int64_t panel) const {
    const int64_t vectors = (n + lanes - 1) / lanes;
    const int64_t first = vectors * panel / count(n) * lanes;
    return first < n ? first : n;
  }
  int64_t columns(int64_t n, int64_t panel) const { return begin(n, panel + 1) - begin(n, panel); }
  /// Of whole vectors.
  int64_t padded(int64_t n, int64_t panel) const {
    return (columns(n, panel) + lanes - 1) / lanes * lanes;
  }
};

/// Where element (i, p) of a block of A lies, i counting the rows of the block, r those of a tile.
enum class GemmA {
  kPacked,   ///< tile by tile: a[tile * a_pitch + p * (rows of the tile) + r]
  kRows,     ///< a[i * a_pitch + p]
  kColumns,  ///< a[p * a_pitch + i]
  /// Groups of `width` columns, all in one vector, each with an A of its own: for column j
  /// a[i * a_pitch + p / width * lanes + j / width * width + p % width].
  kGroups,
};

/// Floats in one piece; or, with a pitch, that many of each of k rows; with kGroups a line of each
/// of `rows` rows.
struct GemmAhead {
  const float* data = nullptr;
  int64_t floats = 0;
  int64_t pitch = 0;
};

/// A block of A (MC x KC) times one micro-panel of B (KC x NR): BLIS's first loop around the
/// micro-kernel.
struct GemmBlock {
  int64_t rows;     ///< of A and C, split evenly over tiles
  int64_t tiles;    ///< of at most Gemm::mr rows each, micro-panels of A where that is packed
  int64_t columns;  ///< of C, 1 .. Gemm::nr
  int64_t k;        ///< length of this block of K
  const float* a;
  GemmA a_layout;
  int64_t a_pitch;
  const float* b;   ///< packed micro-panel, [runs k][nr]
  GemmAhead ahead;  ///< what will probably be read after this, to be fetched into L2 meanwhile
  float* c;         ///< (rows, columns) with a row pitch
  int64_t c_pitch;
  bool add;               ///< C holds the sum over the blocks of K before this one
  bool last;              ///< the epilogue's turn
  GemmEpilogue epilogue;  ///< begins where c does
  /// With kRows and kGroups K may come in `runs` runs of k, `run_pitch` floats of A apart.
  int64_t runs = 1;
  int64_t run_pitch = 0;
  int64_t width = 0;  ///< of kGroups
};

/// Kernels of ops/gemm/gemm. The block sizes belong to the micro-kernel, so they travel beside it.
/// Every element of C is one chain of k multiply-adds per block of K, whatever tile it falls in,
/// and the blocks' sums are added in order: the bits depend on the ISA and on K, not on how M and N
/// are cut.
struct Gemm {
  int64_t mr;     ///< most rows of a packed micro-panel of A; where A lies, few columns take more
  int64_t nr;     ///< most columns of a micro-panel of B, and its pitch
  int64_t lanes;  ///< columns are computed in vectors of so many
  int64_t kc;     ///< longest block of K
  /// A is read by so many rows, those behind its last, which may hold anything, too; blocks of A
  /// then begin at multiples of mr. And k is a multiple of tile_k.
  int64_t tile_rows = 1, tile_k = 1;

  /// How the columns of B are cut.
  MicroPanels cut() const { return {nr, lanes}; }
  int64_t panels(int64_t n) const { return cut().count(n); }
  int64_t panel_begin(int64_t n, int64_t panel) const { return cut().begin(n, panel); }
  int64_t panel_columns(int64_t n, int64_t panel) const { return cut().columns(n, panel); }

  /// Interleaves `rows` rows of a strided matrix: to[p * width + r] = from[r * row_stride +
  /// p * k_stride] for r < rows; what lies between rows and width is anything. Packs micro-panels
  /// of A (width = rows <= mr) and of B (width = nr). If width is not nr, up to 15 floats behind
  /// the micro-panel are overwritten.
  void (*pack)(int64_t rows, int64_t k, const float* from, int64_t row_stride, int64_t k_stride,
               int64_t width, float* to);

  /// to[c * to_pitch + r] = from[r * from_pitch + c] for r < rows, c < columns.
  void (*transpose)(int64_t rows, int64_t columns, const float* from, int64_t from_pitch, float* to,
                    int64_t to_pitch);

  void (*multiply)(const GemmBlock& block);

  /// to[i] = to_bfloat16(from[i]), and the way back, for n values.
  void (*narrow)(int64_t n, const float* from, uint16_t* to);
  void (*widen)(int64_t n, const uint16_t* from, float* to);
};

}  // namespace vitrine::kernels
