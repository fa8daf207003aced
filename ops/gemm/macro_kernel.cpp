#include "ops/gemm/macro_kernel.hpp"

#include "ops/gemm/image_rows.hpp"

namespace vitrine::detail {

using kernels::Gemm;
using kernels::GemmAhead;
using kernels::GemmBlock;
using kernels::tile_begin;

void pack_a(const Gemm& kernel, const GemmProblem& p, const BlocksOfM& ms, int64_t ic, int64_t ir,
            int64_t k_begin, int64_t k, float* to) {
  const int64_t rows = ms.size(ic);
  const int64_t panels = ms.panels_of(ic);
  if (ir >= panels) return;
  const int64_t begin = tile_begin(rows, panels, ir);
  const int64_t height = tile_begin(rows, panels, ir + 1) - begin;
  const int64_t row = ms.first + ms.begin(ic) + begin;
  if (p.images != nullptr) {
    p.images->gather(row, height, k_begin, k, to + begin * ms.row_pitch, ms.row_pitch);
    return;
  }
  const StridedMatrix from = p.a.at(row, k_begin);
  kernel.pack(height, k, from.data, from.row_stride, from.column_stride, height,
              to + ir * ms.panel_stride);
}

void pack_b(const Gemm& kernel, const GemmProblem& p, int64_t jr, int64_t k_begin, int64_t k,
            float* to) {
  const StridedMatrix from = p.b.at(k_begin, kernel.panel_begin(p.n, jr));
  kernel.pack(kernel.panel_columns(p.n, jr), k, from.data, from.column_stride, from.row_stride,
              kernel.nr, to);
}

GemmAhead ahead_of_packing(const Gemm& kernel, const GemmProblem& p, int64_t jr, int64_t k_begin,
                           int64_t k) {
  const StridedMatrix from = p.b.at(k_begin, kernel.panel_begin(p.n, jr));
  const int64_t columns = kernel.panel_columns(p.n, jr);
  if (from.column_stride == 1) return {from.data, columns, from.row_stride};
  // The columns of a weight lie one behind the other.
  const bool together = from.row_stride == 1 && from.column_stride == k;
  return together ? GemmAhead{from.data, columns * k} : GemmAhead{};
}

void multiply(const Gemm& kernel, const GemmProblem& p, const BlocksOfM& ms, int64_t ic,
              const float* a, const float* b, const GemmAhead& ahead, int64_t jr,
              const BlocksOfK& ks, int64_t pc) {
  const int64_t column = kernel.panel_begin(p.n, jr);
  const int64_t row = ms.first + ms.begin(ic);
  kernel.multiply(GemmBlock{
      .rows = ms.size(ic),
      .tiles = ms.panels_of(ic),
      .columns = kernel.panel_columns(p.n, jr),
      .k = ks.size(pc),
      .a = p.a_in_place() ? p.a.at(row, ks.begin(pc)).data : a,
      .a_layout = p.a_layout(),
      .a_pitch = ms.a_pitch(p),
      .b = b,
      .ahead = ahead,
      .c = p.c + row * p.ldc + column,
      .c_pitch = p.ldc,
      .add = pc > 0 || p.epilogue.accumulate,
      .last = pc + 1 == ks.count,
      .epilogue = p.epilogue.at(row, column),
  });
}

}  // namespace vitrine::detail
