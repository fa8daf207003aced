// Layer normalisation, one row at a time:
//
//   mean = sum x / n          var = sum (x - mean)^2 / n          rstd = 1 / sqrt(var + eps)
//   y = (x - mean) rstd gamma + beta
//
// Two passes over a row that is in L1, and a correction: the rounded mean is off by a little, so
// sum (x - mean) is not quite 0. Adding its mean to the mean, and taking its square from the
// variance, removes the first-order effect (Chan, Golub, LeVeque 1983, eq. 1.7).

#include "ops/kernels/layer_norm.hpp"

#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

struct RowStatistics {
  float mean, rstd;
};

RowStatistics row_statistics(int64_t width, const float* x, float eps) {
  const float n = static_cast<float>(width);
  Vec sum = splat(0.0F);
  for_each_vector(width, [&](int64_t i, auto part) { sum += part.load(x + i); });
  const float rough = reduce_add(sum) / n;

  // d = x - mean; a tail is filled with the mean, so that its empty lanes add nothing.
  Vec deviations = splat(0.0F);
  Vec squares = splat(0.0F);
  for_each_vector(width, [&](int64_t i, auto part) {
    const Vec d = part.load(x + i, rough) - splat(rough);
    deviations += d;
    squares = fma(d, d, squares);
  });
  const float correction = reduce_add(deviations) / n;
  const float variance = reduce_add(squares) / n - correction * correction;
  const Vec root = sqrt(splat(variance + eps));
  return {rough + correction, 1.0F / root.get(0)};
}

void forward(int64_t rows, int64_t width, const float* x, const float* gamma, const float* beta,
             float eps, float* y, float* mean, float* rstd) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const RowStatistics row = row_statistics(width, x, eps);
    const Vec m = splat(row.mean);
    const Vec s = splat(row.rstd);
    // y = (x - m) s gamma + beta
    for_each_vector(width, [&](int64_t i, auto part) {
      Vec value = (part.load(x + i) - m) * s;
      if (gamma != nullptr) value = fma(value, part.load(gamma + i), part.load(beta + i));
      part.store(y + i, value);
    });
    mean[r] = row.mean;
    rstd[r] = row.rstd;
  }
}

void backward(int64_t rows, int64_t width, const float* dy, const float* x, const float* gamma,
              const float* mean, const float* rstd, const float* sum, float* dx, float* dgamma,
              float* dbeta) {
  const float n = static_cast<float>(width);
  for (int64_t r = 0; r < rows; ++r, dy += width, x += width) {
    const Vec m = splat(mean[r]);
    const Vec s = splat(rstd[r]);
    Vec sum_g = splat(0.0F);
    Vec sum_gn = splat(0.0F);
    // g = dy gamma, normal = (x - m) s; empty lanes of a tail have dy = 0 and add nothing.
    for_each_vector(width, [&](int64_t i, auto part) {
      const Vec d = part.load(dy + i);
      const Vec normal = (part.load(x + i) - m) * s;
      const Vec g = gamma == nullptr ? d : d * part.load(gamma + i);
      sum_g += g;
      sum_gn = fma(g, normal, sum_gn);
      if (dgamma != nullptr) part.store(dgamma + i, fma(d, normal, part.load(dgamma + i)));
      if (dbeta != nullptr) part.store(dbeta + i, part.load(dbeta + i) + d);
    });
    if (dx == nullptr) continue;
    const Vec mean_g = splat(reduce_add(sum_g) / n);
    const Vec mean_gn = splat(reduce_add(sum_gn) / n);
    // dx = s (g - mean(g) - normal mean(g normal)) + sum
    for_each_vector(width, [&](int64_t i, auto part) {
      const Vec d = part.load(dy + i);
      const Vec normal = (part.load(x + i) - m) * s;
      const Vec g = gamma == nullptr ? d : d * part.load(gamma + i);
      const Vec rest = g - mean_g - normal * mean_gn;
      part.store(dx + i, sum == nullptr ? s * rest : fma(s, rest, part.load(sum + i)));
    });
    dx += width;
    if (sum != nullptr) sum += width;
  }
}

}  // namespace

extern const LayerNorm layer_norm;
const LayerNorm layer_norm{forward, backward};

}  // namespace vitrine::kernels::VT_ISA
