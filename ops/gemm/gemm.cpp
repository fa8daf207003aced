// The loops around the micro-kernel: which parts of A and B are packed when, and which thread does
// what.
//
//   for columns of B that fit kPackedB:            (all at once if B was packed before)
//     for blocks of K:
//       for as many rows of A as the threads' L2 hold:
//         pack B's panels (first time) and A's tiles     parallel over panels and tiles
//                                                        (A stays where it is if its rows lie in
//                                                        memory whole, or its columns do and are
//                                                        near, and then all rows are one pass;
//                                                        images' rows are gathered)
//         multiply                                       parallel over (chunk of rows, panel)
//
// Gradients of weights, with a long K, go other ways (run_transposed, run_deep).
// A chunk of A stays in L2 while the panels of B pass by. The cuts of K decide the bits and
// come from the ISA; all others are only about speed.

#include "ops/gemm/gemm.hpp"

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/gemm/gemm_blocks.hpp"
#include "ops/gemm/gemm_cuts.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine {
namespace {

using namespace detail;
using kernels::Gemm;
using kernels::GemmAhead;

// Packed B of one pass, in floats: 16 MB, to stay in L3 where there is a large one, and to bound
// the scratch memory.
constexpr int64_t kPackedB = 1 << 22;
// Floats to pack that take some microseconds, as a task should.
constexpr int64_t kPackFloats = 1 << 14;

// Up to so many chunks of A, a thread packs a panel of B just before it multiplies it with all of
// them, and the panel never leaves its cache. With more, all panels are packed before.
constexpr int64_t kFewChunks = 2;
// The same where B is no smaller, and the threads' shares of its panels are equal: for this,
// rows no longer keep to their thread.
constexpr int64_t kSomeChunks = 16;

int64_t most_late_chunks(const GemmProblem& p, int64_t panels) {
  return p.n >= p.m && equal_shares(panels) ? kSomeChunks : kFewChunks;
}

/// One pass: the panels [first, first + panels), one block of K, the rows of `cuts`.
struct Pass {
  const Gemm& kernel;
  const GemmProblem& p;
  const RowCuts& cuts;
  const BlocksOfK& blocks;
  int64_t block;
  int64_t first, panels;
  bool late;  // B is packed panel by panel; `b` holds one per worker
  float* a;
  float* b;  // unused if B was packed before

  /// A's tiles, and B's panels if `pack_b`.
  void pack(bool pack_b) const {
    const int64_t k = blocks.size(block);
    if (k == 0) return;
    const int64_t k_begin = blocks.begin(block);
    // A unit is a panel of B, or as many tiles of A as make about the same work.
    const int64_t group = std::max<int64_t>(kernel.nr / kernel.mr, 1);
    const int64_t tiles = p.a_in_place() ? 0 : cuts.chunks * cuts.tiles;
    const int64_t b_units = pack_b ? panels : 0;
    const int64_t units = b_units + ceil_div(tiles, group);
    const int64_t grain = std::max<int64_t>(kPackFloats / (k * kernel.nr), 1);
    parallel_for(units, grain, [&](int64_t begin, int64_t end) {
      for (int64_t u = begin; u < end; ++u) {
        if (u < b_units) {
          pack_panel(kernel, p, first + u, k_begin, k, b + u * kernel.nr * k);
          continue;
        }
        const int64_t begin_tile = (u - b_units) * group;
        for (int64_t t = begin_tile; t < std::min(begin_tile + group, tiles); ++t) {
          const int64_t chunk = t / cuts.tiles;
          pack_tile(kernel, p, cuts, chunk, t % cuts.tiles, k_begin, k,
                    a + chunk * cuts.chunk_stride);
        }
      }
    });
  }

  /// Panel `panel` of B: packed before, or in the scratch, or packed now.
  const float* packed_panel(int64_t panel, int worker) const {
    const int64_t k = blocks.size(block);
    if (p.packed != nullptr) return p.packed->panel(block, first + panel);
    if (!late) return b + panel * kernel.nr * k;
    float* to = b + worker * panel_floats(kernel, blocks);
    if (k > 0) pack_panel(kernel, p, first + panel, blocks.begin(block), k, to);
    return to;
  }

  /// The panel that this thread will probably multiply after `panel`.
  GemmAhead panel_after(int64_t panel) const {
    const int64_t k = blocks.size(block);
    const int64_t next = panel + 1;
    if (next >= panels) return {};
    const int64_t floats = kernel.nr * k;
    if (p.packed != nullptr) return {p.packed->panel(block, first + next), floats};
    if (!late) return {b + next * floats, floats};
    return ahead_of_packing(kernel, p, first + next, blocks.begin(block), k);
  }

  /// What will probably be read after this tile: the next panel. With the first panel of a chunk of
  /// A it is the chunk itself, a tile ahead of its use: rows that another thread has written, or
  /// that L2 has lost, come too late otherwise.
  GemmAhead ahead(int64_t chunk, int64_t panel) const {
    const bool whole = p.images == nullptr && p.a.column_stride == 1 && p.a.row_stride == p.k;
    const int64_t rows = cuts.chunk_rows(chunk) - kernel.mr;
    if (threads() == 1 || panel > 0 || rows <= 0 || !whole || blocks.count > 1) {
      return panel_after(panel);
    }
    return {p.a.at(cuts.begin + cuts.chunk_begin(chunk) + kernel.mr, 0).data, rows * p.k};
  }

  void multiply_all() const {
    const int64_t together = late ? cuts.chunks : 1;  // chunks that one task multiplies
    const int64_t macs = cuts.chunk_rows(0) * together * kernel.nr * blocks.size(block);
    const int64_t grain = std::max<int64_t>(kTaskMacs / std::max<int64_t>(macs, 1), 1);
    parallel_chunks(cuts.chunks / together * panels, grain,
                    [&](int64_t, int64_t begin, int64_t end, int worker) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t panel = i % panels;
                        const float* from = packed_panel(panel, worker);
                        const int64_t chunks = i / panels * together;
                        for (int64_t chunk = chunks; chunk < chunks + together; ++chunk) {
                          multiply(kernel, p, cuts, chunk, a + chunk * cuts.chunk_stride, from,
                                   ahead(chunk, panel), first + panel, blocks, block);
                        }
                      }
                    });
  }
};

/// Rows of A that are gathered or packed before they are multiplied: they should still be in L2
/// then.
int64_t rows_per_pass(const Gemm& kernel, const GemmProblem& p, int64_t chunk) {
  if (p.a_in_place()) return p.m;
  return threads() * ceil_div(chunk, kernel.mr) * kernel.mr;
}

/// Whether every thread should keep its panels of C for all of K, instead of meeting the others
/// after each block of it: for gradients of weights, whose K is the number of rows.
bool is_deep(const Gemm& kernel, const GemmProblem& p, const BlocksOfK& blocks) {
  return p.a_layout() == kernels::GemmA::kColumns && p.packed == nullptr && blocks.count > 1 &&
         equal_shares(kernel.panels(p.n));
}

/// For every thread's panels of C:  for blocks of K:  for panels:  pack one of B, multiply it with
/// A where that lies.
void run_deep(const Gemm& kernel, const GemmProblem& p, const BlocksOfK& blocks) {
  const int64_t panels = kernel.panels(p.n);
  const int64_t parts = threads();
  const int64_t part_floats = panel_floats(kernel, blocks);
  const Buffer packed = scratch_floats(parts * part_floats);
  const RowCuts cuts(kernel, p, 0, p.m, blocks.longest(), p.m);  // one chunk
  parallel_for(parts, 1, [&](int64_t part, int64_t) {
    float* b = packed.floats() + part * part_floats;
    const int64_t begin = part * panels / parts;
    const int64_t end = (part + 1) * panels / parts;
    for (int64_t block = 0; block < blocks.count; ++block) {
      for (int64_t panel = begin; panel < end; ++panel) {
        pack_panel(kernel, p, panel, blocks.begin(block), blocks.size(block), b);
        const int64_t next_block = panel + 1 < end ? block : block + 1;
        const int64_t next_panel = panel + 1 < end ? panel + 1 : begin;
        GemmAhead ahead;
        if (next_block < blocks.count) {
          ahead = ahead_of_packing(kernel, p, next_panel, blocks.begin(next_block),
                                   blocks.size(next_block));
        }
        multiply(kernel, p, cuts, 0, nullptr, b, ahead, panel, blocks, block);
      }
    }
  });
}

void run(const Gemm& kernel, const GemmProblem& p) {
  if (p.m <= 0 || p.n <= 0) return;
  profile_macs(p.m * p.n * p.k);
  const BlocksOfK blocks(p.k, kernel.kc);
  if (is_deep(kernel, p, blocks)) return run_deep(kernel, p, blocks);
  const int64_t k = std::max<int64_t>(blocks.longest(), 1);
  const int64_t all_panels = kernel.panels(p.n);
  const int64_t most_rows = rows_per_chunk(kernel, p.m, k, all_panels);
  const int64_t some_rows = std::min(rows_per_pass(kernel, p, most_rows), p.m);
  const RowCuts largest(kernel, p, 0, some_rows, k, most_rows);
  const bool late =
      p.packed == nullptr && some_rows == p.m && largest.chunks <= most_late_chunks(p, all_panels);

  int64_t some_panels = all_panels;
  int64_t b_floats = 0;
  if (late) {
    b_floats = threads() * panel_floats(kernel, blocks);
  } else if (p.packed == nullptr) {
    some_panels = std::clamp<int64_t>(kPackedB / (k * kernel.nr), 1, all_panels);
    b_floats = some_panels * kernel.nr * k;
  }
  const Buffer a = scratch_floats(p.a_in_place() ? 0 : largest.floats());
  const Buffer b = scratch_floats(b_floats);
  for (int64_t panel = 0; panel < all_panels; panel += some_panels) {
    const int64_t panels = std::min(some_panels, all_panels - panel);
    for (int64_t block = 0; block < blocks.count; ++block) {
      for (int64_t row = 0; row < p.m; row += some_rows) {
        const RowCuts cuts(kernel, p, row, std::min(row + some_rows, p.m), k, most_rows);
        const Pass pass{kernel, p,      cuts, blocks,     block,
                        panel,  panels, late, a.floats(), b.floats()};
        pass.pack(p.packed == nullptr && !late && row == 0);
        pass.multiply_all();
      }
    }
  }
}

/// Whether C^T = B^T A^T, whose bits are the same, takes less time than C = A B: of an A and B
/// whose columns, and rows, lie whole, B is the narrow one. It then is multiplied where it lies,
/// and A is packed in whole vectors instead of tiles.
bool better_transposed(const GemmProblem& p) {
  return p.a.row_stride == 1 && p.b.column_stride == 1 && p.m > p.n && p.n <= kNearColumns &&
         p.epilogue.is_none();
}

void run_transposed(const Gemm& kernel, const GemmProblem& p) {
  const Buffer buffer = scratch_floats(p.m * p.n);
  const auto transposed = [](const StridedMatrix& x) {
    return StridedMatrix{x.data, x.column_stride, x.row_stride};
  };
  run(kernel, {p.n, p.m, p.k, transposed(p.b), transposed(p.a), nullptr, buffer.floats(), p.m, {}});
  parallel_for(p.m, kTaskRows, [&](int64_t begin, int64_t end) {
    kernel.transpose(p.n, end - begin, buffer.floats() + begin, p.m, p.c + begin * p.ldc, p.ldc);
  });
}

GemmProblem problem_of(const ImageRows& a, int64_t n, const StridedMatrix& b,
                       const PackedMatrix* packed, float* c, int64_t ldc,
                       const GemmEpilogue& epilogue) {
  GemmProblem p{a.m(), n, a.k(), {a.data, a.pitch, 1}, b, packed, c, ldc, epilogue};
  if (!a.in_place()) p.images = &a;
  return p;
}

}  // namespace

void gemm(Trans a, Trans b, int64_t m, int64_t n, int64_t k, const float* a_data, int64_t lda,
          const float* b_data, int64_t ldb, float* c, int64_t ldc, const GemmEpilogue& epilogue) {
  const Gemm& kernel = *kernels::active().gemm;
  const StridedMatrix from_a = StridedMatrix::of(a, a_data, lda);
  const StridedMatrix from_b = StridedMatrix::of(b, b_data, ldb);
  const GemmProblem p{m, n, k, from_a, from_b, nullptr, c, ldc, epilogue};
  better_transposed(p) ? run_transposed(kernel, p) : run(kernel, p);
}

void gemm(Trans a, int64_t m, const float* a_data, int64_t lda, const PackedMatrix& b, float* c,
          int64_t ldc, const GemmEpilogue& epilogue) {
  run(*kernels::of(b.isa()).gemm,
      {m, b.n(), b.k(), StridedMatrix::of(a, a_data, lda), {}, &b, c, ldc, epilogue});
}

void gemm(const ImageRows& a, Trans b, int64_t n, const float* b_data, int64_t ldb, float* c,
          int64_t ldc, const GemmEpilogue& epilogue) {
  run(*kernels::active().gemm,
      problem_of(a, n, StridedMatrix::of(b, b_data, ldb), nullptr, c, ldc, epilogue));
}

void gemm(const ImageRows& a, const PackedMatrix& b, float* c, int64_t ldc,
          const GemmEpilogue& epilogue) {
  run(*kernels::of(b.isa()).gemm, problem_of(a, b.n(), {}, &b, c, ldc, epilogue));
}

}  // namespace vitrine
