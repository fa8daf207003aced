// average = decay average + gain value

#include "ops/kernels/ema.hpp"

#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

void update(int64_t n, float decay, float gain, const float* value, float* average) {
  for_each_vector(n, [&](int64_t i, auto part) {
    const Vec old = splat(decay) * part.load(average + i);
    part.store(average + i, fma(splat(gain), part.load(value + i), old));
  });
}

}  // namespace

extern const Ema ema;
const Ema ema{update};

}  // namespace vitrine::kernels::VT_ISA
