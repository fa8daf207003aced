// One pass: 4 or 5 numbers are read and 3 or 4 written per element, so the memory decides the time,
// and the division and the root are free.
//
//   g = grad_scale grad + l2 param        m += gain1 (g - m)        v = beta2 v + gain2 g^2
//   param = keep param - rate m / (sqrt(v) root_scale + eps)
//   average = ema_decay average + ema_gain param

#include "ops/kernels/adamw.hpp"

#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

void update(int64_t n, const AdamWStep& step, const float* grad, float* param, float* m, float* v,
            float* average) {
  for_each_vector(n, [&](int64_t i, auto part) {
    const Vec p = part.load(param + i);
    const Vec scaled = part.load(grad + i) * splat(step.grad_scale);
    const Vec g = fma(splat(step.l2), p, scaled);
    const Vec m0 = part.load(m + i);
    const Vec m1 = fma(splat(step.gain1), g - m0, m0);
    const Vec v1 = fma(splat(step.beta2), part.load(v + i), splat(step.gain2) * g * g);
    const Vec root = fma(sqrt(v1), splat(step.root_scale), splat(step.eps));
    part.store(m + i, m1);
    part.store(v + i, v1);
    // Empty lanes of a tail may divide 0 by 0 if eps is 0; they are not stored.
    const Vec p1 = fnma(splat(step.rate), m1 / root, splat(step.keep) * p);
    part.store(param + i, p1);
    if (average != nullptr) {
      const Vec old = splat(step.ema_decay) * part.load(average + i);
      part.store(average + i, fma(splat(step.ema_gain), p1, old));
    }
  });
}

}  // namespace

extern const AdamW adamw;
const AdamW adamw{update};

}  // namespace vitrine::kernels::VT_ISA
