#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "core/ceil_div.hpp"
#include "core/parallel.hpp"
#include "ops/gemm/gemm.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/kernels/gemm.hpp"

// How a product is blocked for the caches (BLIS's MC and NC; KC is kernels::Gemm::kc) and cut into
// tasks. No bit of the result depends on it.
//
//   MC x KC   a block of A: stays in a core's L2 while the micro-panels of B pass by
//   KC x NC   the macro-panel of B that is packed at once: stays in L3
//   MR x KC, KC x NR   micro-panels of A and B, which the micro-kernel multiplies
// Source: Van Zee, van de Geijn 2015, BLIS.

namespace vitrine::detail {

// Tasks that a product, or a batch of small ones, should at least have, so that no thread waits
// long for the last one; and rows that a task should keep.
constexpr int64_t kTasks = 16;
constexpr int64_t kTaskRows = 64;
// Multiply-adds that take some microseconds, as a task should.
constexpr int64_t kTaskMacs = 1 << 18;
// Floats from one column of a transposed A to the next: the L1 prefetcher follows steps of 2 KB.
constexpr int64_t kNearColumns = 512;
// The kernels' packing writes up to 15 floats behind a micro-panel of A.
constexpr int64_t kSlack = 16;

/// Whether the threads' shares of so many equal pieces of work are equal to 1/32.
inline bool equal_shares(int64_t pieces) {
  return ceil_div(pieces, threads()) * threads() * 32 <= pieces * 33;
}

/// C = epilogue(A B): what a product reads and writes.
struct GemmProblem {
  int64_t m, n, k;
  StridedMatrix a, b;
  const PackedMatrix* packed;  // instead of b
  float* c;
  int64_t ldc;
  GemmEpilogue epilogue;
  const ImageRows* images = nullptr;  // instead of a

  /// How the kernel gets A. Rows that lie whole are multiplied where they are; so are the columns
  /// of a narrow transposed A. (In a wide one, a micro-panel's few values of every column are so
  /// far apart that reading them again for each micro-panel of B costs more than packing.)
  kernels::GemmA a_layout() const {
    using enum kernels::GemmA;
    if (images != nullptr || (a.column_stride == 1 && a.row_stride > 0)) return kRows;
    const bool near = a.row_stride == 1 && a.column_stride <= kNearColumns;
    return near ? kColumns : kPacked;
  }
  /// Whether B's micro-panels become f32 one by one, just before they are multiplied.
  bool widens() const { return packed != nullptr && packed->precision() == Precision::kBfloat16; }
  bool a_in_place() const { return images == nullptr && a_layout() != kernels::GemmA::kPacked; }
};

/// Floats from one gathered row to the next: an odd number of cache lines, so that the rows of a
/// micro-panel, which are read side by side, lie in different sets of the cache.
inline int64_t gathered_pitch(int64_t k) { return (ceil_div(k, kSlack) | 1) * kSlack; }

/// Rows [first, end) of A cut into blocks of at most MC rows, and those into micro-panels of at
/// most MR, both evenly.
struct BlocksOfM {
  int64_t first, rows, count, panels;  // micro-panels per block
  int64_t panel_stride, block_stride;  // floats
  int64_t row_pitch;                   // of gathered rows, in floats; 0 if micro-panels are packed
  int64_t unit;                        // rows that blocks begin at multiples of

  BlocksOfM(const kernels::Gemm& kernel, const GemmProblem& p, int64_t first_, int64_t end,
            int64_t k, int64_t mc)
      : first(first_),
        rows(end - first_),
        row_pitch(p.images != nullptr ? gathered_pitch(k) : 0),
        unit(kernel.tile_rows > 1 ? kernel.mr : 1) {
    // Of whole micro-panels, so that fewer rows never need more of them.
    count = ceil_div(rows, ceil_div(mc, kernel.mr) * kernel.mr);
    panels = ceil_div(ceil_div(rows, count), kernel.mr);
    panel_stride =
        row_pitch > 0 ? kernel.mr * row_pitch : ceil_div(kernel.mr * k, kSlack) * kSlack + kSlack;
    block_stride = panels * panel_stride;
  }
  /// First row of a block, counted from `first`.
  int64_t begin(int64_t block) const { return kernels::piece_begin(rows, unit, count, block); }
  int64_t size(int64_t block) const { return begin(block + 1) - begin(block); }
  /// Micro-panels of a block: one of few rows may have no use for all of them.
  int64_t panels_of(int64_t block) const { return std::min(panels, size(block)); }
  int64_t floats() const { return count * block_stride; }
  /// What GemmBlock::a_pitch is for A as it lies, gathered, or packed.
  int64_t a_pitch(const GemmProblem& p) const {
    if (!p.a_in_place()) return p.images != nullptr ? row_pitch : panel_stride;
    return p.a_layout() == kernels::GemmA::kRows ? p.a.row_stride : p.a.column_stride;
  }
};

inline int64_t l2_bytes() {
  static const int64_t l2 = [] {
    const int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);  // 0 or -1 if unknown
    return std::clamp<int64_t>(bytes, 1 << 18, 1 << 21);
  }();
  return l2;
}

/// MC: rows of A that stay in one core's L2 while the micro-panels of B pass by. Together with one
/// of these they take half of it. The other half is for the micro-panel that is fetched, for C, and
/// for what the cache cannot hold at once because the pages of A lie in its sets at random.
inline int64_t mc_of_l2(const kernels::Gemm& kernel, int64_t k) {
  const int64_t floats = l2_bytes() / 2 / static_cast<int64_t>(sizeof(float)) - kernel.nr * k;
  return std::max(floats / k, 4 * kernel.mr);
}

/// MC of a product whose B has `panels` micro-panels: L2 holds it, and there are enough tasks.
/// Where there are many rows, every thread has the same number of blocks: in the next operation the
/// same rows then come to the same thread (core/parallel), which has them in its cache.
inline int64_t mc_of(const kernels::Gemm& kernel, int64_t m, int64_t k, int64_t panels) {
  const int64_t parts = ceil_div(kTasks, panels);
  const int64_t most = std::min(mc_of_l2(kernel, k), std::max(ceil_div(m, parts), kTaskRows));
  if (m < threads() * kTaskRows) return most;
  return ceil_div(m, ceil_div(ceil_div(m, most), threads()) * threads());
}

}  // namespace vitrine::detail
