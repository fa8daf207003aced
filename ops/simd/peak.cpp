// The FMA peak of one core: as many independent chains as registers allow, so that neither the
// latency of a multiply-add (4 or 5 cycles, two per cycle) nor a load ever limits. Where there is
// no FMA, a step is a multiplication and an addition.

#include "ops/kernels/peak.hpp"

#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kChains = 24;  // of 32 registers
#else
constexpr int kChains = 12;  // of 16
#endif

float run(int64_t steps) {
  Vec chain[kChains];
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) chain[i] = splat(static_cast<float>(i));
  // x <- 0.999 x + 0.001 goes to 1: no overflow, and no subnormal numbers.
  const Vec factor = splat(0.999F);
  const Vec term = splat(0.001F);
#pragma GCC unroll 1
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i) chain[i] = fma(chain[i], factor, term);
  }
  Vec sum = chain[0];
#pragma GCC unroll 32
  for (int i = 1; i < kChains; ++i) sum = sum + chain[i];
  return reduce_add(sum);
}

}  // namespace

extern const Peak peak;
const Peak peak{.run = run, .flops_per_step = 2 * kChains * kLanes};

}  // namespace vitrine::kernels::VT_ISA
