// Matrix product in 8-bit integers: sums of u8 * s8 in 32 bits, exact on every ISA.
//
//   for every tile of C:  sums = micro_kernel(rows of A, micro-panel of B)
//                         v = scale_i scale_j (sums - zero_i sum_p q_b[p][j]) + bias_j
//                         finish(v), as in ops/simd/gemm.cpp
//
// What multiplies (dot) and how a step of B lies in memory (place) are the ISA's; the rest is
// shared. Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877, section 2 (zero points).

#include "ops/kernels/gemm_int8.hpp"

#include <cstring>
#include <utility>

#include "ops/simd/gemm_finish.hpp"
#include "ops/simd/int8_dot.hpp"
#include "ops/simd/int8_rows.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

constexpr int64_t kColumns = kInt8Vectors * kLanes;
constexpr int kMostRows = kInt8Rows < 8 ? 8 : kInt8Rows;

/// The tile's sums as floats: c[i][j] = scale_i scale_j (sum - zero_i weights_j) + bias_j
/// (+ residual[i][j]).
void dequantize(const Int8Block& block, int64_t first, int64_t rows, const int32_t* sums,
                const float* residual, float* c, int64_t c_pitch) {
  const float* bias_row = block.epilogue.bias;
  for_each_vector(block.columns, [&](int64_t j, auto part) {
    const VecI weights = VecI::load_unaligned(block.weights + j);
    const Vec scale = load(block.scale + j);
    const Vec bias = bias_row != nullptr ? part.load(bias_row + j) : splat(0.0F);
    for (int64_t i = 0; i < rows; ++i) {
      const RowScale row = block.row_scale[first + i];
      const VecI sum =
          VecI::load_unaligned(sums + i * kColumns + j) - VecI(row.zero - kInt8Flip) * weights;
      Vec v = fma(to_float(sum) * splat(row.scale), scale, bias);
      if (residual != nullptr) v = v + part.load(residual + i * block.epilogue.residual_pitch + j);
      part.store(c + i * c_pitch + j, v);
    }
  });
}

/// What becomes of the sums of a block, some rows at a time.
class Ending {
 public:
  explicit Ending(const Int8Block& block) : block_(block) {
    const GemmEpilogue& e = block.epilogue;
    plain_ = e.activation == Activation::kNone && e.scale == nullptr &&
             e.preactivation_out == nullptr && e.preactivation_in == nullptr && !e.relu;
    const bool alone = e.scale == nullptr && e.residual == nullptr && !e.relu;
    direct_ = plain_ || alone;
    finish_ = finish_for(e.activation, e.preactivation_in != nullptr, alone);
  }

  void fetch(int64_t first, int64_t rows) const {
    const GemmEpilogue& e = block_.epilogue;
    simd::fetch<false>(e.residual, e.residual_pitch, first, first + rows, block_.columns);
  }

  /// At most kMostRows rows, kColumns apart.
  void finish(int64_t first, int64_t rows, const int32_t* sums) const {
    alignas(64) float buffer[kMostRows * kColumns];
    const GemmEpilogue& e = block_.epilogue;
    float* const c = block_.c + first * block_.c_pitch;
    float* const to = direct_ ? c : buffer;
    const int64_t to_pitch = direct_ ? block_.c_pitch : kColumns;
    const float* residual =
        plain_ && e.residual != nullptr ? e.residual + first * e.residual_pitch : nullptr;
    dequantize(block_, first, rows, sums, residual, to, to_pitch);
    if (plain_) return;
    const Part part{rows, block_.columns, false, false, true};
    finish_(e.at(first, 0), part, to, to_pitch, c, block_.c_pitch);
  }

 private:
  const Int8Block& block_;
  bool plain_;
  bool direct_;  // finish_activation works where the tile lies
  Finish finish_;
};

#if defined(VT_AMX)

void multiply(const Int8Block& block) {
  constexpr int64_t kTile = kTileRows * kTileBytes;
  const Ending ending(block);
  const int64_t vectors = (block.columns + kLanes - 1) / kLanes;
  const auto finish = [&](int64_t first, int64_t rows, const int32_t* sums) {
    const int64_t next = first + rows;
    ending.fetch(next, block.rows - next < rows ? block.rows - next : rows);
    ending.finish(first, rows, sums);
  };
  multiply_tiles<TileNumbers::kBytes, int32_t>({.rows = block.rows,
                                                .vectors = vectors,
                                                .steps = block.steps,
                                                .a = block.a,
                                                .a_pitch = block.a_pitch,
                                                .b = block.b,
                                                .b_pitch = kTileBytes,
                                                .b_tile = kTile,
                                                .b_step = vectors * kTile,
                                                .ahead = block.ahead,
                                                .ahead_bytes = block.ahead_bytes},
                                               finish);
}

#else

/// What a tile fetches of Int8Block::ahead: a line at each step, `step` bytes apart.
struct Share {
  const int8_t* next;
  int64_t step;
};

/// Most rows of a tile of so many vectors: a narrower micro-panel leaves registers for more.
constexpr int rows_beside(int vectors) {
  const int rows = kInt8Rows * kInt8Vectors / vectors;
  return rows < kMostRows ? rows : kMostRows;
}

/// to[i * kColumns + j] = sum over p of a[i * a_pitch + p] times b's (p, j).
template <int kRows, int kVectors>
void micro_kernel(const Int8Block& block, const uint8_t* a, int32_t* to, Share share) {
  constexpr int64_t kStepBytes = kVectors * kLanes * kInt8Step;
  const int64_t pitch = block.a_pitch;
  const int8_t* b = block.b;
  Int8Sums<kRows, kVectors> sums;
  const uint8_t* step = a;
  for (int64_t p = block.steps; p > 0; --p, step += kInt8Step, b += kStepBytes) {
    __builtin_prefetch(share.next, 0, 2);
    share.next += share.step;
    sums.add(step, pitch, b);
  }
  for (int64_t p = 0; p < block.repeats; ++p, b += kStepBytes) {
    sums.add(a + block.repeated[p] * kInt8Step, pitch, b);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) {
      sums.total(i, j).store_unaligned(to + i * kColumns + j * kLanes);
    }
  }
}

using MicroKernel = void (*)(const Int8Block& block, const uint8_t* a, int32_t* to, Share share);

template <int kIndex>
constexpr MicroKernel micro_kernel_at() {
  constexpr int kRows = kIndex / kInt8Vectors + 1;
  constexpr int kVectors = kIndex % kInt8Vectors + 1;
  if constexpr (kRows <= rows_beside(kVectors)) return micro_kernel<kRows, kVectors>;
  return nullptr;
}

template <int... kIndex>
struct MicroKernels {
  constexpr explicit MicroKernels(std::integer_sequence<int, kIndex...>) {}
  MicroKernel of[kMostRows * kInt8Vectors] = {micro_kernel_at<kIndex>()...};
};
constexpr MicroKernels kMicroKernels(std::make_integer_sequence<int, kMostRows * kInt8Vectors>{});

void multiply(const Int8Block& block) {
  alignas(64) int32_t sums[kMostRows * kColumns];
  const Ending ending(block);
  const int64_t vectors = (block.columns + kLanes - 1) / kLanes;
  const MicroKernel* kernels = kMicroKernels.of + vectors - 1;
  const int64_t most_rows = rows_beside(static_cast<int>(vectors));
  const int64_t tiles = (block.rows + most_rows - 1) / most_rows;
  const int64_t fetches = tiles * block.steps;
  const int64_t ahead_step = fetches > 0 ? (block.ahead_bytes + fetches - 1) / fetches : 0;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t begin = tile_begin(block.rows, tiles, t);
    const int64_t rows = tile_begin(block.rows, tiles, t + 1) - begin;
    ending.fetch(begin, rows);
    const Share share{block.ahead + t * block.steps * ahead_step, ahead_step};
    kernels[(rows - 1) * kInt8Vectors](block, block.a + begin * block.a_pitch, sums, share);
    ending.finish(begin, rows, sums);
  }
}

#endif

int32_t peak(int64_t steps) {
  Int8Peak chains;
#pragma GCC unroll 1
  for (int64_t step = 0; step < steps; ++step) chains.step();
  return chains.sum();
}

}  // namespace

extern const GemmInt8 gemm_int8;
const GemmInt8 gemm_int8{.mr = kInt8Rows,
                         .nr = kColumns,
                         .lanes = kLanes,
                         .step = kInt8Step,
                         .tile_rows = kInt8TileRows,
                         .levels = kInt8Levels,
                         .most = kInt8Most,
                         .flip = kInt8Flip,
                         .range = int8_range,
                         .quantize = int8_quantize,
                         .place = int8_place,
                         .multiply = multiply,
                         .peak = peak,
                         .ops_per_step = kInt8PeakChains * Int8Peak::kOpsOfChain};

}  // namespace vitrine::kernels::VT_ISA
