// One pass over param, gradient and momentum buffer:
//
//   g = grad + weight_decay param        buffer = momentum buffer + g
//   param -= lr (nesterov ? g + momentum buffer : buffer)

#include "ops/kernels/sgd.hpp"

#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

void update(int64_t n, const SgdStep& step, const float* grad, float* param, float* buffer) {
  for_each_vector(n, [&](int64_t i, auto part) {
    const Vec p = part.load(param + i);
    Vec direction = fma(splat(step.weight_decay), p, part.load(grad + i));
    if (buffer != nullptr) {
      const Vec g = direction;
      const Vec b = fma(splat(step.momentum), part.load(buffer + i), g);
      part.store(buffer + i, b);
      direction = step.nesterov ? fma(splat(step.momentum), b, g) : b;
    }
    part.store(param + i, fnma(splat(step.lr), direction, p));
  });
}

}  // namespace

extern const Sgd sgd;
const Sgd sgd{update};

}  // namespace vitrine::kernels::VT_ISA
