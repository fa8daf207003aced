// Matrix product on packed operands: C = epilogue(A B).
//
//   for every micro-panel of A (MR rows):  tile of C = micro_kernel(micro-panels of A and B)
//                                          finish(tile of C) while it is in L1
//
// The packing is here too, since it decides what the micro-kernel reads. The loops around it
// (cache blocks, threads) are in ops/gemm/gemm.cpp.
// Source: Goto, van de Geijn 2008, Anatomy of High-Performance Matrix Multiplication; Van Zee, van
// de Geijn 2015, BLIS.

#include "ops/kernels/gemm.hpp"

#include <utility>

#include "ops/kernels/bfloat16.hpp"
#include "ops/simd/gemm_finish.hpp"
#include "ops/simd/group_kernel.hpp"
#include "ops/simd/micro_kernel.hpp"
#include "ops/simd/transpose.hpp"

#if defined(VT_AMX)
#include "ops/simd/tiles.hpp"
#endif

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

// The tile fills the registers: 32 with AVX-512 and on ARM, 16 with AVX2 and SSE. The rest holds
// one row of B and a broadcast of A (and a product where there is no FMA: 4x3 would not fit SSE).
// Of AVX2's shapes 4x3 reads memory least, 7 times per 12 multiply-adds; 6x2 does 8 times.
// AMX has registers of its own.
#if defined(VT_AMX)
constexpr int kRows = 2 * kTileRows;
constexpr int kVectors = kTileVectors;
#elif defined(__AVX512F__)
constexpr int kRows = 8;
constexpr int kVectors = 3;
#elif defined(__aarch64__)
constexpr int kRows = 6;
constexpr int kVectors = 4;
#elif defined(__AVX2__)
constexpr int kRows = 4;
constexpr int kVectors = 3;
#else
constexpr int kRows = 6;
constexpr int kVectors = 2;
#endif
constexpr int64_t kColumns = kVectors * kLanes;
constexpr int64_t kKc = 1024;
// Packing transposes groups of 8.
static_assert(kRows % 8 == 0 || kRows < 8);
static_assert(kColumns % 8 == 0);

/// Rows that lie side by side in memory: a copy of short runs.
void pack_copy(int64_t rows, int64_t k, const float* from, int64_t k_stride, int64_t width,
               float* to) {
  if (rows == width && rows >= 4 && rows <= 8) {  // a micro-panel of A: quads that overlap
    for (int64_t p = 0; p < k; ++p, from += k_stride, to += width) {
      const Quad first = load_quad(from);
      const Quad last = load_quad(from + rows - 4);
      store_quad(to, first);
      store_quad(to + rows - 4, last);
    }
    return;
  }
  const int64_t whole = rows / kLanes * kLanes;
  for (int64_t p = 0; p < k; ++p, from += k_stride, to += width) {
    for (int64_t r = 0; r < whole; r += kLanes) store(to + r, load(from + r));
    if (whole < rows) store(to + whole, load_tail(from + whole, rows - whole));
    for (int64_t r = (rows + kLanes - 1) / kLanes * kLanes; r < width; r += kLanes) {
      store(to + r, splat(0.0F));
    }
  }
}

/// 8 rows along a contiguous k, of a micro-panel that is `width` wide. Rows that do not exist
/// repeat the last one; nobody looks at what becomes of them.
void pack_transpose(int64_t rows, int64_t k, const float* from, int64_t row_stride, int64_t width,
                    float* to) {
  const float* row[8];
  for (int64_t r = 0; r < 8; ++r) row[r] = from + (r < rows ? r : rows - 1) * row_stride;
  int64_t p = 0;
  for (; p + 4 <= k; p += 4) transpose_8x4(row, p, to + p * width, width);
  for (; p < k; ++p) {
    for (int64_t r = 0; r < 8; ++r) to[p * width + r] = row[r][p];
  }
}

// Steps of k that pack does for all rows of a micro-panel before it goes on, so that the lines it
// writes are complete while they are in L1.
constexpr int64_t kPackSteps = 64;

/// Any strides.
void pack_scalar(int64_t rows, int64_t k, const float* from, int64_t row_stride, int64_t k_stride,
                 int64_t width, float* to) {
  for (int64_t p = 0; p < k; ++p, from += k_stride, to += width) {
    for (int64_t r = 0; r < rows; ++r) to[r] = from[r * row_stride];
    for (int64_t r = rows; r < width; ++r) to[r] = 0.0F;
  }
}

void pack(int64_t rows, int64_t k, const float* from, int64_t row_stride, int64_t k_stride,
          int64_t width, float* to) {
  if (row_stride == 1) {
    pack_copy(rows, k, from, k_stride, width, to);
    return;
  }
  if (k_stride != 1) {
    pack_scalar(rows, k, from, row_stride, k_stride, width, to);
    return;
  }
  // Whole vectors of a micro-panel, which multiply reads; at least a group of 8, as A's may be.
  constexpr int64_t kGroup = kLanes < 8 ? 8 : kLanes;
  const int64_t all = (rows + kGroup - 1) / kGroup * kGroup;
  for (int64_t p = 0; p < k; p += kPackSteps, from += kPackSteps, to += kPackSteps * width) {
    const int64_t steps = k - p < kPackSteps ? k - p : kPackSteps;
    for (int64_t r = 0; r < all; r += 8) {
      // Behind the last row there is nothing to point at.
      const int64_t first = r < rows ? r : rows - 1;
      pack_transpose(rows - first, steps, from + first * row_stride, row_stride, width, to + r);
    }
  }
}

void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_pitch, float* to,
               int64_t to_pitch) {
  const int64_t whole = rows / 8 * 8;
  for (int64_t j = 0; j < columns; j += kPackSteps, from += kPackSteps) {
    const int64_t steps = columns - j < kPackSteps ? columns - j : kPackSteps;
    float* row = to + j * to_pitch;
    for (int64_t r = 0; r < whole; r += 8) {
      pack_transpose(8, steps, from + r * from_pitch, from_pitch, to_pitch, row + r);
    }
    for (int64_t p = 0; p < steps; ++p) {
      for (int64_t r = whole; r < rows; ++r) row[p * to_pitch + r] = from[r * from_pitch + p];
    }
  }
}

#if defined(VT_AMX)

constexpr int64_t kWord = sizeof(float);
constexpr int64_t kTileOfRows = kTileRows;
constexpr int64_t kTileOfK = kTileBytes / kWord;

void multiply(const GemmBlock& block) {
  const GemmEpilogue& e = block.epilogue;
  const Finish finish_rows = finish_for(e.activation, e.preactivation_in != nullptr, false);
  const auto finish = [&](int64_t first, int64_t rows, const float* sums) {
    const Part part{rows, block.columns, true, block.add, block.last};
    float* const c = block.c + first * block.c_pitch;
    finish_rows(e.at(first, 0), part, sums, kTilesPitch, c, block.c_pitch);
  };
  multiply_tiles<TileNumbers::kBfloat16, float>(
      {.rows = block.rows,
       .vectors = (block.columns + kLanes - 1) / kLanes,
       .steps = block.k / kTileOfK,
       .a = block.a,
       .a_pitch = block.a_pitch * kWord,
       .b = block.b,
       .b_pitch = kColumns * kWord,
       .b_tile = kTileBytes,
       .b_step = kTileOfK * kColumns * kWord,
       .ahead = block.ahead.data,
       .ahead_bytes = block.ahead.pitch == 0 ? block.ahead.floats * kWord : 0},
      finish);
}

#else

constexpr int64_t kTileOfRows = 1;
constexpr int64_t kTileOfK = 1;

constexpr int kMostRows = 8;
static_assert(kRows <= kMostRows);

/// Most rows of a tile of so many vectors: a narrower micro-panel leaves registers for more. (4
/// rows of a single vector would wait for their own multiply-adds, which take 4 cycles, two at a
/// time.)
constexpr int rows_beside(int vectors) {
  const int rows = kRows * kVectors / vectors;
  return rows < kMostRows ? rows : kMostRows;
}

using MicroKernel = void (*)(const MicroBlock& block, const float* a, int64_t a_pitch, float* c,
                             const float* next, int64_t next_step);

/// The micro-kernel of a table's entry, or null if its tile does not fit the registers.
template <int kIndex, bool kRowMajor>
constexpr MicroKernel micro_kernel_at() {
  constexpr int kTileRows = kIndex / kVectors + 1;
  constexpr int kTileVectors = kIndex % kVectors + 1;
  if constexpr (kTileRows <= rows_beside(kTileVectors)) {
    return micro_kernel<kTileRows, kTileVectors, kRowMajor>;
  }
  return nullptr;
}

/// Micro-kernels for 1 .. kMostRows rows and 1 .. kVectors vectors, row-major; for an A whose rows,
/// or columns, lie whole (GemmA).
template <int... kIndex>
struct MicroKernels {
  constexpr explicit MicroKernels(std::integer_sequence<int, kIndex...>) {}
  MicroKernel by_rows[kMostRows * kVectors] = {micro_kernel_at<kIndex, true>()...};
  MicroKernel by_columns[kMostRows * kVectors] = {micro_kernel_at<kIndex, false>()...};
};
constexpr MicroKernels kMicroKernels(std::make_integer_sequence<int, kMostRows * kVectors>{});

/// What a tile fetches of GemmBlock::ahead: a line at each step of k, `step` floats apart.
struct Share {
  const float* next;
  int64_t step;
};

/// Of an `ahead` in one piece: Share::step, such that the steps of all tiles reach its end.
int64_t step_in_piece(const GemmBlock& block, int64_t tiles) {
  const int64_t steps = tiles * block.runs * block.k;
  return steps > 0 ? (block.ahead.floats + steps - 1) / steps : 0;
}

Share share_of(const GemmBlock& block, int64_t step, int64_t tile, int64_t tiles) {
  const GemmAhead& ahead = block.ahead;
  if (ahead.pitch == 0 && ahead.floats > 0)
    return {ahead.data + tile * step * block.runs * block.k, step};
  // A tile fetches one line of every row, the first such tile the first line. The tiles that do are
  // spread over the block, since a burst of fetches delays the multiplication.
  const int64_t lines = (ahead.floats + kLineFloats - 1) / kLineFloats;
  const int64_t every = lines > 0 && tiles > lines ? tiles / lines : 1;
  if (tile % every == 0 && tile / every < lines) {
    return {ahead.data + tile / every * kLineFloats, ahead.pitch};
  }
  return {block.b, 0};  // a line that is in L1
}

using GroupKernel = void (*)(const GemmBlock& block, const float* a, float* sums,
                             const float* next);

template <int... kIndex>
struct GroupKernels {
  constexpr explicit GroupKernels(std::integer_sequence<int, kIndex...>) {}
  GroupKernel of_three[kMostRows] = {group_kernel<kIndex + 1, true, kColumns>...};
  GroupKernel any[kMostRows] = {group_kernel<kIndex + 1, false, kColumns>...};
};
constexpr GroupKernels kGroupKernels(std::make_integer_sequence<int, kMostRows>{});

void multiply_groups(const GemmBlock& block) {
  alignas(64) float sums[kMostRows * kLanes];
  const GemmEpilogue& e = block.epilogue;
  const bool of_three = block.a_pitch == kLanes && block.k == 3 * block.width;
  const GroupKernel* kernels = of_three ? kGroupKernels.of_three : kGroupKernels.any;
  const Finish finish_tile = finish_for(e.activation, e.preactivation_in != nullptr, false);
  const int64_t tiles = (block.rows + kMostRows - 1) / kMostRows;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t begin = tile_begin(block.rows, tiles, t);
    const int64_t rows = tile_begin(block.rows, tiles, t + 1) - begin;
    float* const c = block.c + begin * block.c_pitch;
    fetch<true>(c, block.c_pitch, 0, rows, block.columns);
    fetch<false>(e.residual, e.residual_pitch, begin, begin + rows, block.columns);
    kernels[rows - 1](block, block.a + begin * block.a_pitch, sums,
                      block.ahead.data + begin * block.ahead.pitch);
    const Part part{rows, block.columns, true, block.add, block.last};
    finish_tile(e.at(begin, 0), part, sums, kLanes, c, block.c_pitch);
  }
}

void multiply(const GemmBlock& block) {
  if (block.a_layout == GemmA::kGroups) return multiply_groups(block);
  alignas(64) float tile[kMostRows * kColumns];
  const GemmEpilogue& e = block.epilogue;
  const int64_t vectors = (block.columns + kLanes - 1) / kLanes;
  // Sums go straight to C, with C, bias and residual added, and ReLU, while they are in registers.
  // alpha, which multiplies the sums alone, leaves all of that to finish.
  const bool direct = !block.add || e.alpha == 1.0F;
  const bool added = direct && e.alpha == 1.0F;
  const bool plain = e.activation == Activation::kNone && e.scale == nullptr &&
                     e.preactivation_out == nullptr && e.preactivation_in == nullptr;
  const bool done = added && (!block.last || plain);
  MicroBlock micro{.runs = block.runs,
                   .run_pitch = block.run_pitch,
                   .k = block.k,
                   .b = block.b,
                   .b_pitch = kColumns,
                   .c_pitch = direct ? block.c_pitch : kColumns,
                   .last = block.columns - (vectors - 1) * kLanes,
                   .start_c = false,
                   .add_c = added && block.add,
                   .bias = added && block.last ? e.bias : nullptr,
                   .matrix = nullptr,
                   .matrix_pitch = e.residual_pitch,
                   .relu = done && block.last && e.relu};
  const float* residual = done && block.last ? e.residual : nullptr;
  const bool alone = added && block.last && e.scale == nullptr && e.residual == nullptr && !e.relu;
  const Finish finish_tile = finish_for(e.activation, e.preactivation_in != nullptr, alone);
  const bool by_rows = block.a_layout == GemmA::kRows;
  const MicroKernel* kernels =
      (by_rows ? kMicroKernels.by_rows : kMicroKernels.by_columns) + vectors - 1;
  const bool packed = block.a_layout == GemmA::kPacked;
  const int64_t most_rows = rows_beside(static_cast<int>(vectors));
  const int64_t tiles = packed ? block.tiles : (block.rows + most_rows - 1) / most_rows;

  const int64_t step = step_in_piece(block, tiles);
  const int64_t least_rows = block.rows / tiles;
  const int64_t more = block.rows % tiles;
  int64_t begin = 0;
  int64_t owed = 0;
  for (int64_t t = 0, end = 0; t < tiles; ++t, begin = end) {
    // As tile_begin says, without the division.
    owed += more;
    const int64_t rows = least_rows + (owed >= tiles ? 1 : 0);
    owed -= owed >= tiles ? tiles : 0;
    end = begin + rows;
    fetch<false>(e.residual, e.residual_pitch, begin, end, block.columns);
    fetch<true>(e.preactivation_out, e.preactivation_out_pitch, begin, end, block.columns);
    fetch<false>(e.preactivation_in, e.preactivation_in_pitch, begin, end, block.columns);
    fetch<true>(e.activated_out, e.preactivation_in_pitch, begin, end, block.columns);
    float* c = block.c + begin * block.c_pitch;
    float* to = direct ? c : tile;
    const int64_t first = packed ? t : begin;
    const float* a = block.a + (block.a_layout == GemmA::kColumns ? first : first * block.a_pitch);
    const int64_t a_pitch = packed ? rows : block.a_pitch;
    if (residual != nullptr) micro.matrix = residual + begin * e.residual_pitch;
    const Share share = share_of(block, step, t, tiles);
    kernels[(rows - 1) * kVectors](micro, a, a_pitch, to, share.next, share.step);
    if (done) continue;
    const Part part{rows, block.columns, !added, block.add, block.last};
    finish_tile(e.at(begin, 0), part, to, micro.c_pitch, c, block.c_pitch);
  }
}

#endif

// The compiler makes vectors of both.
void narrow(int64_t n, const float* from, uint16_t* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = to_bfloat16(from[i]);
}

void widen(int64_t n, const uint16_t* from, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = from_bfloat16(from[i]);
}

}  // namespace

extern const Gemm gemm;
const Gemm gemm{.mr = kRows,
                .nr = kColumns,
                .lanes = kLanes,
                .kc = kKc,
                .tile_rows = kTileOfRows,
                .tile_k = kTileOfK,
                .pack = pack,
                .transpose = transpose,
                .multiply = multiply,
                .narrow = narrow,
                .widen = widen};

}  // namespace vitrine::kernels::VT_ISA
