// Softmax and its logarithm, one row at a time, three passes over a row that is in L1:
//
//   m = max x        sum = sum e^(x - m)        y = e^(x - m) / sum     or     (x - m) - log sum
//
// The powers are stored on the second pass and scaled on the third: one exp per element. A running
// maximum would save the first pass, but costs a second exp whenever the maximum moves.

#include "ops/simd/softmax.hpp"

#include "ops/kernels/softmax.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

void forward(int64_t rows, int64_t width, const float* x, float* y) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const Vec m = splat(row_max(width, x));
    Vec sum = splat(0.0F);
    for_each_vector(width, [&](int64_t i, auto part) {
      const Vec e = simd::exp(part.load(x + i, kMinusInf) - m);
      sum += e;
      part.store(y + i, e);
    });
    const Vec scale = splat(1.0F / reduce_add(sum));
    for_each_vector(width,
                    [&](int64_t i, auto part) { part.store(y + i, part.load(y + i) * scale); });
  }
}

void log_forward(int64_t rows, int64_t width, const float* x, float* y) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const float m = row_max(width, x);
    const Vec log_sum = simd::log(splat(row_sum_exp(width, x, m)));
    for_each_vector(width, [&](int64_t i, auto part) {
      part.store(y + i, (part.load(x + i) - splat(m)) - log_sum);
    });
  }
}

// dx = y (dy - sum dy y)
void backward(int64_t rows, int64_t width, const float* dy, const float* y, float* dx) {
  for (int64_t r = 0; r < rows; ++r, dy += width, y += width, dx += width) {
    Vec sum = splat(0.0F);
    for_each_vector(
        width, [&](int64_t i, auto part) { sum = fma(part.load(dy + i), part.load(y + i), sum); });
    const Vec s = splat(reduce_add(sum));
    for_each_vector(width, [&](int64_t i, auto part) {
      part.store(dx + i, part.load(y + i) * (part.load(dy + i) - s));
    });
  }
}

// dx = dy - e^y sum dy
void log_backward(int64_t rows, int64_t width, const float* dy, const float* y, float* dx) {
  for (int64_t r = 0; r < rows; ++r, dy += width, y += width, dx += width) {
    Vec sum = splat(0.0F);
    for_each_vector(width, [&](int64_t i, auto part) { sum += part.load(dy + i); });
    const Vec s = splat(reduce_add(sum));
    for_each_vector(width, [&](int64_t i, auto part) {
      part.store(dx + i, fnma(simd::exp(part.load(y + i)), s, part.load(dy + i)));
    });
  }
}

}  // namespace

extern const Softmax softmax;
const Softmax softmax{forward, log_forward, backward, log_backward};

}  // namespace vitrine::kernels::VT_ISA
