#pragma once

// The matrix products of attention: C (+)= A B by GEMM's micro-kernel, with a packed B that fits
// L2, and an A that is read where it lies. A is the side that changes with every block of queries
// (queries, probabilities), so packing it would cost as much as a tenth of the product; B is packed
// once per head.
//
// B is packed in panels, [panel][depth][width of the panel], filled up to whole vectors: no tail in
// any inner loop, whatever the head's size.

#include "ops/simd/micro_kernel.hpp"
#include "ops/simd/simd.hpp"
#include "ops/simd/transpose.hpp"

namespace vitrine::simd {
namespace {

// Columns come in groups of at least 8 floats, because packing transposes 8 rows at a time.
constexpr int64_t kGroup = kLanes < 8 ? 8 : kLanes;
constexpr int kGroupVectors = static_cast<int>(kGroup / kLanes);

// A tile of C fills the registers: kAccumulators vectors. The rest holds one row of B, and a
// broadcast of A. Where there are 32, a head of 64 is one micro-panel of 4 vectors: with GEMM's 3
// at most, backward of 197 tokens is 2.5 % slower (AVX-512, Zen 5), and so is forward of 50.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kAccumulators = 24;  // of 32
constexpr int kPanelVectors = 4;
#else
constexpr int kAccumulators = 12;  // of 16
#if defined(__AVX2__)
constexpr int kPanelVectors = 3;  // 7 reads per 12 multiply-adds
#else
constexpr int kPanelVectors = 2;  // the product of a multiply-add needs a register too
#endif
#endif
constexpr int kMaxTileRows = 12;
constexpr int tile_rows(int vectors) {
  return kAccumulators / vectors < kMaxTileRows ? kAccumulators / vectors : kMaxTileRows;
}

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }

/// How `columns` are cut into panels: as few as possible, of nearly the same number of groups.
struct Panels {
  int64_t groups;
  int64_t count;

  explicit Panels(int64_t columns)
      : groups(divide_up(columns, kGroup)),
        count(divide_up(groups * kGroupVectors, kPanelVectors)) {}
  /// First column of panel p; that of panel `count` is the padded number of columns.
  int64_t begin(int64_t p) const { return groups * p / count * kGroup; }
  int64_t width(int64_t p) const { return begin(p + 1) - begin(p); }
  int64_t padded() const { return groups * kGroup; }
};

/// Packs factor * from, whose rows are the depth of the product.
inline void pack_rows(int64_t depth, int64_t columns, const float* from, int64_t pitch,
                      float factor, float* to) {
  const Panels panels(columns);
  const Vec f = splat(factor);
  for (int64_t p = 0; p < panels.count; ++p) {
    const int64_t begin = panels.begin(p);
    const int64_t width = panels.width(p);
    const int64_t here = columns - begin < width ? columns - begin : width;
    const int64_t whole = here / kLanes * kLanes;
    const float* row = from + begin;
    for (int64_t d = 0; d < depth; ++d, row += pitch, to += width) {
      int64_t j = 0;
      for (; j < whole; j += kLanes) store(to + j, f * load(row + j));
      if (j < here) store(to + j, f * load_tail(row + j, here - j)), j += kLanes;
      for (; j < width; j += kLanes) store(to + j, splat(0.0F));
    }
  }
}

/// Packs the transpose of from: its rows are the columns of the product. Columns that do not exist
/// repeat the last one; nobody looks at what becomes of them.
inline void pack_transposed(int64_t depth, int64_t columns, const float* from, int64_t pitch,
                            float* to) {
  const Panels panels(columns);
  for (int64_t p = 0; p < panels.count; ++p) {
    const int64_t width = panels.width(p);
    for (int64_t at = panels.begin(p); at < panels.begin(p + 1); at += 8) {
      const float* row[8];
      for (int64_t r = 0; r < 8; ++r) {
        row[r] = from + (at + r < columns ? at + r : columns - 1) * pitch;
      }
      float* group = to + at - panels.begin(p);
      int64_t d = 0;
      for (; d + 4 <= depth; d += 4, group += 4 * width) transpose_8x4(row, d, group, width);
      for (; d < depth; ++d, group += width) {
        for (int64_t r = 0; r < 8; ++r) group[r] = row[r][d];
      }
    }
    to += depth * width;
  }
}

using ProductTile = void (*)(const MicroBlock& block, const float* a, int64_t a_pitch, float* c,
                             const float* next, int64_t next_step);

/// The tiles that fit the registers, by their number of vectors and rows.
template <bool kTransposed>
struct ProductTiles {
  ProductTile of[kPanelVectors][kMaxTileRows] = {};

  constexpr ProductTiles() { fill_vectors<kPanelVectors>(); }

 private:
  template <int kVectors>
  constexpr void fill_vectors() {
    fill_rows<kVectors, tile_rows(kVectors)>();
    if constexpr (kVectors > 1) fill_vectors<kVectors - 1>();
  }
  template <int kVectors, int kRows>
  constexpr void fill_rows() {
    of[kVectors - 1][kRows - 1] = micro_kernel<kRows, kVectors, !kTransposed>;
    if constexpr (kRows > 1) fill_rows<kVectors, kRows - 1>();
  }
};
template <bool kTransposed>
constexpr ProductTiles<kTransposed> kProductTiles{};

/// C (rows, columns) (+)= A (rows, depth) B (depth, columns). B was packed with packed_depth >=
/// depth rows and packed_columns >= columns columns. C needs room for whole panels.
template <bool kTransposed>
void product(int64_t rows, int64_t columns, int64_t depth, const float* a, int64_t a_pitch,
             const float* b, int64_t packed_depth, int64_t packed_columns, float* c,
             int64_t c_pitch, bool add) {
  const Panels panels(packed_columns);
  for (int64_t p = 0; p < panels.count && panels.begin(p) < columns; ++p) {
    const int64_t begin = panels.begin(p);
    const auto vectors = static_cast<int>(panels.width(p) / kLanes);
    const MicroBlock block{.runs = 1,
                           .run_pitch = 0,
                           .k = depth,
                           .b = b + begin * packed_depth,
                           .b_pitch = panels.width(p),
                           .c_pitch = c_pitch,
                           .last = kLanes,
                           .start_c = add,
                           .add_c = false,
                           .bias = nullptr,
                           .matrix = nullptr,
                           .matrix_pitch = 0,
                           .relu = false};
    // Tiles of nearly equal height instead of a small one at the end, which would be slow.
    const int64_t tiles = divide_up(rows, tile_rows(vectors));
    int64_t i = 0;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t height = rows * (t + 1) / tiles - i;
      kProductTiles<kTransposed>.of[vectors - 1][height - 1](
          block, kTransposed ? a + i : a + i * a_pitch, a_pitch, c + i * c_pitch + begin, block.b,
          0);
      i += height;
    }
  }
}

}  // namespace
}  // namespace vitrine::simd
