// Pooling, one place of a window at a time. Channels lie side by side, so vectors run along them:
//
//   max    for every pixel of the window:  if (x > best or x is NaN) best = x, winner = pixel
//   sum    row by row, so that the rounding of long sums stays small
//
// Going backward, a pixel of the image collects from the windows that saw it (add_where,
// add_scaled).

#include "ops/kernels/pool2d.hpp"

#include "ops/simd/order.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

void max(const PoolWindow& window, int64_t channels, const float* x, float* y, float* winner) {
  for_each_vector(channels, [&](int64_t c, auto part) {
    Vec best = splat(-__builtin_inff());
    Vec where = splat(0.0F);
    float pixel = 0;
    for (int64_t u = 0; u < window.rows; ++u) {
      const float* from = x + u * window.row_step + c;
      for (int64_t v = 0; v < window.columns; ++v, from += window.column_step, pixel += 1) {
        const Vec value = part.load(from);
        const Mask larger = (value > best) | is_nan(value);
        best = select(larger, value, best);
        where = select(larger, splat(pixel), where);
      }
    }
    part.store(y + c, best);
    part.store(winner + c, where);
  });
}

void sum(const PoolWindow& window, int64_t channels, const float* x, float factor, float* y) {
  for_each_vector(channels, [&](int64_t c, auto part) {
    Vec total = splat(0.0F);
    for (int64_t u = 0; u < window.rows; ++u) {
      const float* from = x + u * window.row_step + c;
      Vec row = splat(0.0F);
      for (int64_t v = 0; v < window.columns; ++v, from += window.column_step) {
        row += part.load(from);
      }
      total += row;
    }
    part.store(y + c, total * splat(factor));
  });
}

void add_where(int64_t channels, const float* dy, const float* winner, float pixel, float* dx) {
  for_each_vector(channels, [&](int64_t c, auto part) {
    const Mask won = part.load(winner + c) == splat(pixel);
    part.store(dx + c, part.load(dx + c) + select(won, part.load(dy + c), splat(0.0F)));
  });
}

void add_scaled(int64_t channels, const float* dy, float factor, float* dx) {
  for_each_vector(channels, [&](int64_t c, auto part) {
    part.store(dx + c, fma(part.load(dy + c), splat(factor), part.load(dx + c)));
  });
}

}  // namespace

extern const Pool2d pool2d;
const Pool2d pool2d{max, sum, add_where, add_scaled};

}  // namespace vitrine::kernels::VT_ISA
