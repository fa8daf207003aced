// The loops around the micro-kernel: which parts of A and B are packed when, and which thread does
// what.
//
//   for columns of B that fit kPackedB:            (all at once if B was packed before)
//     for blocks of K:
//       for rows of A that fit kPackedA:
//         pack B's panels (first time) and A's tiles     parallel over panels and tiles
//                                                        (A stays where it is if its rows lie in
//                                                        memory whole, or its columns do and are
//                                                        near; images' rows are gathered)
//         multiply                                       parallel over (chunk of rows, panel)
//
// A chunk of A stays in L2 while the panels of B pass by. The cuts of K decide the bits and
// come from the ISA; all others are only about speed.

#include "ops/gemm.hpp"

#include <unistd.h>

#include <algorithm>

#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine {
namespace {

using kernels::Gemm;
using kernels::GemmA;
using kernels::GemmBlock;
using kernels::tile_begin;

// Packed A and B of one pass, in floats: 8 MB and 16 MB, to stay in L3 where there is a large one,
// and to bound the scratch memory.
constexpr int64_t kPackedA = 1 << 21;
constexpr int64_t kPackedB = 1 << 22;
// A task should take some microseconds: floats to pack, multiply-adds to compute.
constexpr int64_t kPackFloats = 1 << 14;
constexpr int64_t kTaskMacs = 1 << 18;
// Tasks that a product, or a batch of small ones, should at least have, so that no thread waits
// long for the last one; and rows that a task should keep.
constexpr int64_t kTasks = 16;
constexpr int64_t kTaskRows = 64;
// Floats from one column of a transposed A to the next: the L1 prefetcher follows steps of 2 KB.
constexpr int64_t kNearColumns = 512;
// The kernels' packing writes up to 15 floats behind a tile.
constexpr int64_t kSlack = 16;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Rows of packed A that one core's L2 holds beside the panels of B that pass by.
int64_t chunk_rows(const Gemm& kernel, int64_t k) {
  static const int64_t l2 = [] {
    const int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);  // 0 or -1 if unknown
    return std::clamp<int64_t>(bytes, 1 << 18, 1 << 21);
  }();
  const int64_t floats = l2 / static_cast<int64_t>(sizeof(float)) * 13 / 16 - kernel.nr * k;
  return std::max(floats / k, 4 * kernel.mr);
}

struct Problem {
  int64_t m, n, k;
  StridedMatrix a, b;
  const PackedMatrix* packed;  // instead of b
  float* c;
  int64_t ldc;
  GemmEpilogue epilogue;
  const ImageRows* images = nullptr;  // instead of a

  /// How the kernel gets A. Rows that lie whole are multiplied where they are; so are the columns
  /// of a narrow transposed A. (In a wide one, a tile's few values of every column are so far apart
  /// that reading them again for each panel of B costs more than packing.)
  GemmA a_layout() const {
    if (images != nullptr || (a.column_stride == 1 && a.row_stride > 0)) return GemmA::kRows;
    const bool near = a.row_stride == 1 && a.column_stride <= kNearColumns;
    return near ? GemmA::kColumns : GemmA::kPacked;
  }
  bool a_in_place() const { return images == nullptr && a_layout() != GemmA::kPacked; }
};

/// Floats from one gathered row to the next: an odd number of cache lines, so that the rows of a
/// tile, which are read side by side, lie in different sets of the cache.
int64_t gathered_pitch(int64_t k) { return (ceil_div(k, kSlack) | 1) * kSlack; }

/// Room for one panel of B.
int64_t panel_floats(const Gemm& kernel, const BlocksOfK& blocks) {
  return ceil_div(blocks.longest() * kernel.nr, kSlack) * kSlack;
}

/// Rows [begin, end) of A cut into chunks, and those into tiles, both evenly.
struct RowCuts {
  int64_t begin, rows, chunks, tiles;  // tiles per chunk
  int64_t tile_stride, chunk_stride;   // floats
  int64_t row_pitch;                   // of gathered rows, in floats; 0 if tiles are packed

  RowCuts(const Gemm& kernel, const Problem& p, int64_t begin_, int64_t end, int64_t k,
          int64_t most_rows)
      : begin(begin_), rows(end - begin_), row_pitch(p.images != nullptr ? gathered_pitch(k) : 0) {
    // A multiple of mr, so that fewer rows never need more tiles.
    chunks = ceil_div(rows, std::max(most_rows / kernel.mr, int64_t{1}) * kernel.mr);
    tiles = ceil_div(ceil_div(rows, chunks), kernel.mr);
    tile_stride =
        row_pitch > 0 ? kernel.mr * row_pitch : ceil_div(kernel.mr * k, kSlack) * kSlack + kSlack;
    chunk_stride = tiles * tile_stride;
  }
  int64_t chunk_begin(int64_t chunk) const { return tile_begin(rows, chunks, chunk); }
  int64_t chunk_rows(int64_t chunk) const { return chunk_begin(chunk + 1) - chunk_begin(chunk); }
  /// Tiles of a chunk: one of few rows may have no use for all of them.
  int64_t chunk_tiles(int64_t chunk) const { return std::min(tiles, chunk_rows(chunk)); }
  int64_t floats() const { return chunks * chunk_stride; }
  /// What GemmBlock::a_pitch is for A as it lies, gathered, or packed.
  int64_t a_pitch(const Problem& p) const {
    if (!p.a_in_place()) return p.images != nullptr ? row_pitch : tile_stride;
    return p.a_layout() == GemmA::kRows ? p.a.row_stride : p.a.column_stride;
  }
};

/// Packs (or gathers) tile `tile` of chunk `chunk` over [k_begin, k_begin + k); `to` is the chunk's
/// place.
void pack_tile(const Gemm& kernel, const Problem& p, const RowCuts& cuts, int64_t chunk,
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

void pack_panel(const Gemm& kernel, const Problem& p, int64_t panel, int64_t k_begin, int64_t k,
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
void multiply(const Gemm& kernel, const Problem& p, const RowCuts& cuts, int64_t chunk,
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

/// One pass: the panels [first, first + panels), one block of K, the rows of `cuts`.
struct Pass {
  const Gemm& kernel;
  const Problem& p;
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
    const int64_t next = panel + threads();
    if (next >= panels) return {nullptr, 0};
    const int64_t floats = kernel.nr * k;
    if (p.packed != nullptr) return {p.packed->panel(block, first + next), floats};
    if (!late) return {b + next * floats, floats};
    // Not packed yet. The rows of a weight lie one behind the other, other panels here and there.
    const bool together = p.b.row_stride == 1 && p.b.column_stride == k;
    return {p.b.at(0, kernel.panel_begin(p.n, first + next)).data, together ? floats : 0};
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
                                   panel_after(panel), first + panel, blocks, block);
                        }
                      }
                    });
  }
};

/// Rows of A that are packed before they are multiplied. Gathered ones should still be in L2 then.
int64_t rows_per_pass(const Gemm& kernel, const Problem& p, int64_t k, int64_t chunk) {
  if (p.a_in_place()) return p.m;
  if (p.images == nullptr) return std::max(kPackedA / k, chunk);
  return threads() * std::max(chunk / kernel.mr, int64_t{1}) * kernel.mr;
}

void run(const Gemm& kernel, const Problem& p) {
  if (p.m <= 0 || p.n <= 0) return;
  profile_macs(p.m * p.n * p.k);
  const BlocksOfK blocks(p.k, kernel.kc);
  const int64_t k = std::max<int64_t>(blocks.longest(), 1);
  const int64_t all_panels = kernel.panels(p.n);
  const int64_t parts = ceil_div(kTasks, all_panels);
  const int64_t most_rows =
      std::min(chunk_rows(kernel, k), std::max(ceil_div(p.m, parts), kTaskRows));
  const int64_t some_rows = std::min(rows_per_pass(kernel, p, k, most_rows), p.m);
  const RowCuts largest(kernel, p, 0, some_rows, k, most_rows);
  const bool late = p.packed == nullptr && some_rows == p.m && largest.chunks <= kFewChunks;

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
void run_chunk(const Gemm& kernel, const Problem& p, const RowCuts& cuts, const BlocksOfK& blocks,
               int64_t chunk, float* a, float* b, const Problem& next) {
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
Problem item_of(const Problem& p, std::span<const GemmBatchAxis> batch, int64_t item) {
  Problem q = p;
  for (size_t x = batch.size(); x-- > 0;) {
    const int64_t i = item % batch[x].size;
    item /= batch[x].size;
    q.a.data += i * batch[x].a;
    q.b.data += i * batch[x].b;
    q.c += i * batch[x].c;
  }
  return q;
}

void run_batch(const Gemm& kernel, const Problem& p, std::span<const GemmBatchAxis> batch) {
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
                      const Problem next = item_of(p, batch, std::min(item + 1, items - 1));
                      run_chunk(kernel, item_of(p, batch, item), cuts, blocks, i % cuts.chunks, a,
                                a + cuts.chunk_stride, next);
                    }
                  });
}

Problem problem_of(const ImageRows& a, int64_t n, const StridedMatrix& b,
                   const PackedMatrix* packed, float* c, int64_t ldc,
                   const GemmEpilogue& epilogue) {
  Problem p{a.m(), n, a.k(), {a.data, a.pitch, 1}, b, packed, c, ldc, epilogue};
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
