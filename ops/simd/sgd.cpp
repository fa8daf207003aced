// One pass over param, gradient, momentum buffer and average:
//
//   g = grad_scale grad + weight_decay param        buffer = momentum buffer + g
//   param -= lr (nesterov ? g + momentum buffer : buffer)
//   average = ema_decay average + ema_gain param

#include "ops/kernels/sgd.hpp"

#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

void update(int64_t n, const SgdStep& step, const float* grad, float* param, float* buffer,
            float* average) {
  for_each_vector(n, [&](int64_t i, auto part) {
    const Vec p = part.load(param + i);
    const Vec scaled = part.load(grad + i) * splat(step.grad_scale);
    Vec direction = fma(splat(step.weight_decay), p, scaled);
    if (buffer != nullptr) {
      const Vec g = direction;
      const Vec b = fma(splat(step.momentum), part.load(buffer + i), g);
      part.store(buffer + i, b);
      direction = step.nesterov ? fma(splat(step.momentum), b, g) : b;
    }
    const Vec p1 = fnma(splat(step.lr), direction, p);
    part.store(param + i, p1);
    if (average != nullptr) {
      const Vec old = splat(step.ema_decay) * part.load(average + i);
      part.store(average + i, fma(splat(step.ema_gain), p1, old));
    }
  });
}

}  // namespace

extern const Sgd sgd;
const Sgd sgd{update};

}  // namespace vitrine::kernels::VT_ISA
