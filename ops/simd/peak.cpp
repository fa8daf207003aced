// The machine's limits. The FMA peak of one core: as many independent chains as registers allow, so
// that neither the latency of a multiply-add (4 or 5 cycles, two per cycle) nor a load ever limits.
// Where there is no FMA, a step is a multiplication and an addition.

#include "ops/kernels/peak.hpp"

#include "ops/simd/micro_kernel.hpp"

#if defined(VT_AMX)
#include "ops/simd/tiles.hpp"
#endif

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

#if defined(VT_AMX)

constexpr int64_t kFlops = 2 * kTileRows * kLanes * kTileBytes / 2 * kTileChains;

float run(int64_t steps) {
  const WholeTiles whole_tiles;
  for (int64_t s = 0; s < steps; ++s) tile_dots<TileNumbers::kBfloat16>();
  return 0;
}

#else

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kChains = 24;  // of 32 registers
#else
constexpr int kChains = 12;  // of 16
#endif

#if defined(VT_BF16)
constexpr int64_t kProducts = 2;  // in a word
#else
constexpr int64_t kProducts = 1;
#endif

constexpr int64_t kFlops = 2 * kProducts * kChains * kLanes;

float run(int64_t steps) {
  Vec chain[kChains];
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) chain[i] = splat(static_cast<float>(i));
#if defined(VT_BF16)
  const Vec ones = from_bits(VecI(0x3F803F80));  // adds 2 each time
  const auto step = [&](Vec& x) { multiply_add(x, ones, ones); };
#else
  // x <- 0.999 x + 0.001 goes to 1: no overflow, and no subnormal numbers.
  const Vec factor = splat(0.999F);
  const Vec term = splat(0.001F);
  const auto step = [&](Vec& x) { x = fma(x, factor, term); };
#endif
#pragma GCC unroll 1
  for (int64_t s = 0; s < steps; ++s) {
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i) step(chain[i]);
  }
  Vec sum = chain[0];
#pragma GCC unroll 32
  for (int i = 1; i < kChains; ++i) sum = sum + chain[i];
  return reduce_add(sum);
}

#endif

float read(const float* from, int64_t n) {
  constexpr int kStreams = 4;  // independent sums, so that additions do not wait for one another
  Vec sum[kStreams];
#pragma GCC unroll 4
  for (int i = 0; i < kStreams; ++i) sum[i] = splat(0.0F);
  int64_t at = 0;
  for (; at + kStreams * kLanes <= n; at += kStreams * kLanes) {
#pragma GCC unroll 4
    for (int i = 0; i < kStreams; ++i) sum[i] = sum[i] + load(from + at + i * kLanes);
  }
  for_each_vector(n - at,
                  [&](int64_t i, auto part) { sum[0] = sum[0] + part.load(from + at + i); });
  return reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace

extern const Peak peak;
const Peak peak{.run = run, .flops_per_step = kFlops, .read = read};

}  // namespace vitrine::kernels::VT_ISA
