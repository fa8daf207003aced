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
// A chunk of A stays in L2 while the panels of B pass by. The cuts of K decide the bits and
// come from the ISA; all others are only about speed.

#include "ops/gemm.hpp"

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/gemm_cuts.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine {
namespace {

using namespace detail;
using kernels::Gemm;
using kernels::GemmBlock;
using kernels::tile_begin;

// Packed B of one pass, in floats: 16 MB, to stay in L3 where there is a large one, and to bound
// the scratch memory.
constexpr int64_t kPackedB = 1 << 22;
// A task should take some microseconds: floats to pack, multiply-adds to compute.
constexpr int64_t kPackFloats = 1 << 14;
constexpr int64_t kTaskMacs = 1 << 18;

/// Room for one panel of B.
int64_t panel_floats(const Gemm& kernel, const BlocksOfK& blocks) {
  return ceil_div(blocks.longest() * kernel.nr, kSlack) * kSlack;
}

/// Packs (or gathers) tile `tile` of chunk `chunk` over [k_begin, k_begin + k); `to` is the chunk's
/// place.
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

/// What a thread will probably read after the block of C that it computes.
struct Ahead {
  const float* data;
  int64_t floats;
};

/// The part of C that a chunk of packed A and a panel of packed B give.
void multiply(const Gemm& kernel, const GemmProblem& p, const RowCuts& cuts, int64_t chunk,
              const float* a, const float* b, Ahead next, int64_t panel, const BlocksOfK& blocks,
              int64_t block) {
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
      .next = next.data,
      .next_floats = next.floats,
      .c = p.c + row * p.ldc + column,
      .c_pitch = p.ldc,
      .add = block > 0 || p.epilogue.accumulate,
      .last = block + 1 == blocks.count,
      .epilogue = p.epilogue.at(row, column),
  });
}

// Up to so many chunks of A, a thread packs a panel of B just before it multiplies it with all of
// them, and the panel never leaves its cache. With more, all panels are packed before.
constexpr int64_t kFewChunks = 2;
// The same where B is the larger one, and the threads' shares of its panels are equal to 1/32: for
// this, rows no longer keep to their thread.
constexpr int64_t kSomeChunks = 8;

int64_t most_late_chunks(const GemmProblem& p, int64_t panels) {
  const int64_t rounds = ceil_div(panels, threads());
  const bool fair = rounds * threads() * 32 <= panels * 33;
  return p.n > p.m && fair ? kSomeChunks : kFewChunks;
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
  Ahead panel_after(int64_t panel) const {
    const int64_t k = blocks.size(block);
    const int64_t next = panel + 1;
    if (next >= panels) return {nullptr, 0};
    const int64_t floats = kernel.nr * k;
    if (p.packed != nullptr) return {p.packed->panel(block, first + next), floats};
    if (!late) return {b + next * floats, floats};
    // Not packed yet. The rows of a weight lie one behind the other, other panels here and there.
    const bool together = p.b.row_stride == 1 && p.b.column_stride == k;
    return {p.b.at(0, kernel.panel_begin(p.n, first + next)).data, together ? floats : 0};
  }

  /// What will probably be read after this tile: the next panel. With the first panel of a chunk of
  /// A it is the chunk itself, a tile ahead of its use: rows that another thread has written, or
  /// that L2 has lost, come too late otherwise.
  Ahead ahead(int64_t chunk, int64_t panel) const {
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

void run(const Gemm& kernel, const GemmProblem& p) {
  if (p.m <= 0 || p.n <= 0) return;
  profile_macs(p.m * p.n * p.k);
  const BlocksOfK blocks(p.k, kernel.kc);
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

/// A product so large that it is worth its own parallel regions, in multiply-adds.
constexpr int64_t kLargeMacs = 1 << 25;

/// One task of a batch: a chunk of A times all of B, block by block of K, a panel of B at a time.
/// Meanwhile the operands of `next`, the task after this one, come into L2.
void run_chunk(const Gemm& kernel, const GemmProblem& p, const RowCuts& cuts,
               const BlocksOfK& blocks, int64_t chunk, float* a, float* b,
               const GemmProblem& next) {
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t k = blocks.size(block);
    const int64_t k_begin = blocks.begin(block);
    for (int64_t tile = 0; tile < cuts.tiles && k > 0 && !p.a_in_place(); ++tile) {
      pack_tile(kernel, p, cuts, chunk, tile, k_begin, k, a);
    }
    const int64_t panels = kernel.panels(p.n);
    for (int64_t panel = 0; panel < panels; ++panel) {
      if (k > 0) pack_panel(kernel, p, panel, k_begin, k, b);
      // Even panels fetch A, odd ones B, in equal shares.
      const bool of_a = panel % 2 == 0;
      const int64_t floats = of_a ? p.m * p.k : p.k * p.n;
      const int64_t shares = of_a ? ceil_div(panels, 2) : panels / 2;
      const float* from = (of_a ? next.a.data : next.b.data) + panel / 2 * floats / shares;
      multiply(kernel, p, cuts, chunk, a, b, {from, ceil_div(floats, shares)}, panel, blocks,
               block);
    }
  }
}

/// Item `item` of a batch: the last axis runs fastest.
GemmProblem item_of(const GemmProblem& p, std::span<const GemmBatchAxis> batch, int64_t item) {
  GemmProblem q = p;
  for (size_t x = batch.size(); x-- > 0;) {
    const int64_t i = item % batch[x].size;
    item /= batch[x].size;
    q.a.data += i * batch[x].a;
    q.b.data += i * batch[x].b;
    q.c += i * batch[x].c;
  }
  return q;
}

void run_batch(const Gemm& kernel, const GemmProblem& p, std::span<const GemmBatchAxis> batch) {
  int64_t items = 1;
  for (const GemmBatchAxis& axis : batch) items *= axis.size;
  if (items == 0 || p.m <= 0 || p.n <= 0) return;
  if (items == 1 || p.m * p.n * p.k >= kLargeMacs) {
    for (int64_t i = 0; i < items; ++i) run(kernel, item_of(p, batch, i));
    return;
  }
  profile_macs(items * p.m * p.n * p.k);
  const BlocksOfK blocks(p.k, kernel.kc);
  const int64_t k = std::max<int64_t>(blocks.longest(), 1);
  const int64_t tasks = threads() == 1 ? 1 : kTasks;
  const int64_t parts = std::min(ceil_div(tasks, items), ceil_div(p.m, kTaskRows));
  const RowCuts cuts(kernel, p, 0, p.m, k, std::min(chunk_rows(kernel, k), ceil_div(p.m, parts)));
  const int64_t worker_floats = cuts.chunk_stride + panel_floats(kernel, blocks);
  const Buffer scratch = scratch_floats(threads() * worker_floats);

  const int64_t macs = cuts.chunk_rows(0) * p.n * k;
  parallel_chunks(items * cuts.chunks, std::max<int64_t>(kTaskMacs / macs, 1),
                  [&](int64_t, int64_t begin, int64_t end, int worker) {
                    float* a = scratch.floats() + worker * worker_floats;
                    for (int64_t i = begin; i < end; ++i) {
                      const int64_t item = i / cuts.chunks;
                      const GemmProblem next = item_of(p, batch, std::min(item + 1, items - 1));
                      run_chunk(kernel, item_of(p, batch, item), cuts, blocks, i % cuts.chunks, a,
                                a + cuts.chunk_stride, next);
                    }
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
  run(*kernels::active().gemm, {m, n, k, StridedMatrix::of(a, a_data, lda),
                                StridedMatrix::of(b, b_data, ldb), nullptr, c, ldc, epilogue});
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

void gemm_batched(std::span<const GemmBatchAxis> batch, Trans a, Trans b, int64_t m, int64_t n,
                  int64_t k, const float* a_data, int64_t lda, const float* b_data, int64_t ldb,
                  float* c, int64_t ldc, const GemmEpilogue& epilogue) {
  run_batch(*kernels::active().gemm,
            {m, n, k, StridedMatrix::of(a, a_data, lda), StridedMatrix::of(b, b_data, ldb), nullptr,
             c, ldc, epilogue},
            batch);
}

}  // namespace vitrine
