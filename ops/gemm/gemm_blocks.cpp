#include "ops/gemm/gemm_blocks.hpp"

#include "ops/gemm/image_rows.hpp"

namespace vitrine::detail {

using kernels::Gemm;
using kernels::GemmAhead;
using kernels::GemmBlock;
using kernels::tile_begin;

void pack_tile(const Gemm& kernel, const GemmProblem& p, const RowCuts& cuts, int64_t chunk,
               int64_t tile, int64_t k_begin, int64_t k, float* to) {
  const int64_t rows = cuts.chunk_rows(chunk);
  const int64_t tiles = cuts.chunk_tiles(chunk);
  if (tile >= tiles) return;
  const int64_t begin = tile_begin(rows, tiles, tile);
  const int64_t height = tile_begin(rows, tiles, tile + 1) - begin;
  const int64_t row = cuts.begin + cuts.chunk_begin(chunk) + begin;
  if (p.images != nullptr) {
    p.images->gather(row, height, k_begin, k, to + begin * cuts.row_pitch, cuts.row_pitch);
    return;
  }
  const StridedMatrix from = p.a.at(row, k_begin);
  kernel.pack(height, k, from.data, from.row_stride, from.column_stride, height,
              to + tile * cuts.tile_stride);
}

void pack_panel(const Gemm& kernel, const GemmProblem& p, int64_t panel, int64_t k_begin, int64_t k,
                float* to) {
  const StridedMatrix from = p.b.at(k_begin, kernel.panel_begin(p.n, panel));
  kernel.pack(kernel.panel_columns(p.n, panel), k, from.data, from.column_stride, from.row_stride,
              kernel.nr, to);
}

GemmAhead ahead_of_packing(const Gemm& kernel, const GemmProblem& p, int64_t panel, int64_t k_begin,
                           int64_t k) {
  const StridedMatrix from = p.b.at(k_begin, kernel.panel_begin(p.n, panel));
  const int64_t columns = kernel.panel_columns(p.n, panel);
  if (from.column_stride == 1) return {from.data, columns, from.row_stride};
  // The columns of a weight lie one behind the other.
  const bool together = from.row_stride == 1 && from.column_stride == k;
  return together ? GemmAhead{from.data, columns * k} : GemmAhead{};
}

void multiply(const Gemm& kernel, const GemmProblem& p, const RowCuts& cuts, int64_t chunk,
              const float* a, const float* b, const GemmAhead& ahead, int64_t panel,
              const BlocksOfK& blocks, int64_t block) {
  const int64_t column = kernel.panel_begin(p.n, panel);
  const int64_t row = cuts.begin + cuts.chunk_begin(chunk);
  kernel.multiply(GemmBlock{
      .rows = cuts.chunk_rows(chunk),
      .tiles = cuts.chunk_tiles(chunk),
      .columns = kernel.panel_columns(p.n, panel),
      .k = blocks.size(block),
      .a = p.a_in_place() ? p.a.at(row, blocks.begin(block)).data : a,
      .a_layout = p.a_layout(),
      .a_pitch = cuts.a_pitch(p),
      .b = b,
      .ahead = ahead,
      .c = p.c + row * p.ldc + column,
      .c_pitch = p.ldc,
      .add = block > 0 || p.epilogue.accumulate,
      .last = block + 1 == blocks.count,
      .epilogue = p.epilogue.at(row, column),
  });
}

}  // namespace vitrine::detail
