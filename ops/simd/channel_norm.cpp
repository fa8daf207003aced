// The elementwise halves of batch_norm and group_norm, channel by channel of NHWC images:
//
//   forward    y = (x - mean) scale + shift (+ residual), then perhaps max(0, y)
//   sums       sum over the rows of d, and of d (x - mean)
//   backward   dx = a d + b (x - mean) + c
//
// Forward and backward go along the rows, as the memory does. The sums go down strips of columns,
// so that they stay in registers.

#include "ops/kernels/channel_norm.hpp"

#include "ops/simd/activation.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

// Vectors of a strip: independent sums hide the latency of an addition.
constexpr int64_t kStrip = 4;

template <bool kAdd, bool kRelu>
void forward_rows(int64_t rows, int64_t width, const float* x, const float* mean,
                  const float* scale, const float* shift, const float* residual, float* y) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    for_each_vector(width, [&](int64_t i, auto part) {
      const Vec d = part.load(x + i) - part.load(mean + i);
      Vec v = fma(d, part.load(scale + i), part.load(shift + i));
      if constexpr (kAdd) v = v + part.load(residual + r * width + i);
      if constexpr (kRelu) v = simd::relu(v);
      part.store(y + i, v);
    });
  }
}

void forward(int64_t rows, int64_t width, const float* x, const float* mean, const float* scale,
             const float* shift, const float* residual, bool relu, float* y) {
  const bool add = residual != nullptr;
  const auto run = add ? (relu ? forward_rows<true, true> : forward_rows<true, false>)
                       : (relu ? forward_rows<false, true> : forward_rows<false, false>);
  run(rows, width, x, mean, scale, shift, residual, y);
}

/// dy, or 0 where y is not above 0.
template <bool kMasked, class Part>
inline Vec passed(const float* dy, const float* y, Part part) {
  const Vec d = part.load(dy);
  if constexpr (!kMasked) return d;
  return select(part.load(y) > splat(0.0F), d, splat(0.0F));
}

template <bool kMasked, int64_t kCount, class Part>
void sum_strip(int64_t rows, int64_t width, const float* dy, const float* x, const float* y,
               const float* mean, float* sum, float* product, Part part) {
  Vec m[kCount];
  Vec total[kCount];
  Vec products[kCount];
  for (int64_t k = 0; k < kCount; ++k) {
    m[k] = part.load(mean + k * kLanes);
    total[k] = products[k] = splat(0.0F);
  }
  for (int64_t r = 0; r < rows; ++r, dy += width, x += width, y += kMasked ? width : 0) {
    for (int64_t k = 0; k < kCount; ++k) {
      const Vec d = passed<kMasked>(dy + k * kLanes, kMasked ? y + k * kLanes : y, part);
      total[k] += d;
      products[k] = fma(d, part.load(x + k * kLanes) - m[k], products[k]);
    }
  }
  for (int64_t k = 0; k < kCount; ++k) {
    part.store(sum + k * kLanes, total[k]);
    part.store(product + k * kLanes, products[k]);
  }
}

template <bool kMasked>
void sum_rows(int64_t rows, int64_t width, const float* dy, const float* x, const float* y,
              const float* mean, float* sum, float* product) {
  const auto y_at = [&](int64_t j) { return kMasked ? y + j : y; };
  int64_t j = 0;
  for (; j + kStrip * kLanes <= width; j += kStrip * kLanes) {
    sum_strip<kMasked, kStrip>(rows, width, dy + j, x + j, y_at(j), mean + j, sum + j, product + j,
                               Whole{});
  }
  for_each_vector(width - j, [&](int64_t i, auto part) {
    const int64_t at = j + i;
    sum_strip<kMasked, 1>(rows, width, dy + at, x + at, y_at(at), mean + at, sum + at, product + at,
                          part);
  });
}

void sums(int64_t rows, int64_t width, const float* dy, const float* x, const float* y,
          const float* mean, float* sum, float* product) {
  const auto run = y != nullptr ? sum_rows<true> : sum_rows<false>;
  run(rows, width, dy, x, y, mean, sum, product);
}

template <bool kMasked>
void backward_rows(int64_t rows, int64_t width, const float* dy, const float* x, const float* y,
                   const float* mean, const float* a, const float* b, const float* c, float* dx) {
  for (int64_t r = 0; r < rows; ++r, dy += width, x += width, dx += width) {
    for_each_vector(width, [&](int64_t i, auto part) {
      const Vec d = passed<kMasked>(dy + i, kMasked ? y + r * width + i : y, part);
      const Vec deviation = part.load(x + i) - part.load(mean + i);
      const Vec rest = fma(deviation, part.load(b + i), part.load(c + i));
      part.store(dx + i, fma(d, part.load(a + i), rest));
    });
  }
}

void backward(int64_t rows, int64_t width, const float* dy, const float* x, const float* y,
              const float* mean, const float* a, const float* b, const float* c, float* dx) {
  const auto run = y != nullptr ? backward_rows<true> : backward_rows<false>;
  run(rows, width, dy, x, y, mean, a, b, c, dx);
}

}  // namespace

extern const ChannelNorm channel_norm;
const ChannelNorm channel_norm{forward, sums, backward};

}  // namespace vitrine::kernels::VT_ISA
