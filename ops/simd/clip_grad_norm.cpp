// The sum of squares of a gradient, and its scaling.

#include "ops/kernels/clip_grad_norm.hpp"

#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

// Lanes add up in float over so many vectors at most, then in double: the error stays below 32
// roundings whatever the size of the tensor.
constexpr int64_t kBlock = 32 * kLanes;

double sum_squares(int64_t n, const float* x) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock, x += kBlock) {
    Vec sum = splat(0.0F);
    for_each_vector(n - begin < kBlock ? n - begin : kBlock, [&](int64_t i, auto part) {
      const Vec v = part.load(x + i);
      sum = fma(v, v, sum);
    });
    total += static_cast<double>(reduce_add(sum));
  }
  return total;
}

void scale(int64_t n, float factor, float* x) {
  for_each_vector(
      n, [&](int64_t i, auto part) { part.store(x + i, part.load(x + i) * splat(factor)); });
}

}  // namespace

extern const ClipGradNorm clip_grad_norm;
const ClipGradNorm clip_grad_norm{sum_squares, scale};

}  // namespace vitrine::kernels::VT_ISA
