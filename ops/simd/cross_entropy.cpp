// Cross-entropy of softmax(x) and a target, one row at a time, with d_c = log sum e^(x - m) - (x_c
// - m), the distance of class c from certainty:
//
//   loss = (1 - s) sum_c target_c d_c + s / C sum_c d_c       for a label the first sum is d_label
//   dx_c = dloss (softmax(x)_c sum_j t_j - t_c)               t_c = (1 - s) target_c + s / C
//
// Kept for backward are m and the sum of powers, not their log-sum-exp: m + log sum would be
// rounded to the precision of m, which spoils the powers of large logits.

#include "ops/kernels/cross_entropy.hpp"

#include "ops/simd/softmax.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

float log_of(float x) { return simd::log(splat(x)).get(0); }

/// The mean of d_c over all classes.
float mean_distance(int64_t width, const float* x, float m, float log_sum) {
  Vec total = splat(0.0F);
  for_each_vector(width, [&](int64_t i, auto part) { total += part.load(x + i, m) - splat(m); });
  return log_sum - reduce_add(total) / static_cast<float>(width);
}

/// sum_c target_c d_c
float weighted_distances(int64_t width, const float* x, const float* target, float m,
                         float log_sum) {
  Vec total = splat(0.0F);
  for_each_vector(width, [&](int64_t i, auto part) {
    const Vec distance = splat(log_sum) - (part.load(x + i) - splat(m));
    total = fma(part.load(target + i), distance, total);
  });
  return reduce_add(total);
}

void forward(int64_t rows, int64_t width, const float* logits, const CrossEntropyTarget& target,
             float* loss, float* max, float* sum) {
  const float s = target.smoothing;
  for (int64_t r = 0; r < rows; ++r, logits += width) {
    max[r] = row_max(width, logits);
    sum[r] = row_sum_exp(width, logits, max[r]);
    loss[r] = 0.0F;
    if (target.ignored(r)) continue;
    const float log_sum = log_of(sum[r]);
    if (s < 1.0F) {
      const float plain = target.labels != nullptr
                              ? log_sum - (logits[target.labels[r]] - max[r])
                              : weighted_distances(width, logits, target.probabilities + r * width,
                                                   max[r], log_sum);
      loss[r] = (1.0F - s) * plain;
    }
    if (s > 0.0F) loss[r] += s * mean_distance(width, logits, max[r], log_sum);
  }
}

float sum_of(int64_t width, const float* x) {
  Vec total = splat(0.0F);
  for_each_vector(width, [&](int64_t i, auto part) { total += part.load(x + i); });
  return reduce_add(total);
}

void backward(int64_t rows, int64_t width, const float* dloss, const float* logits,
              const CrossEntropyTarget& target, const float* max, const float* sum,
              float* dlogits) {
  const float keep = 1.0F - target.smoothing;
  const Vec uniform = splat(target.smoothing / static_cast<float>(width));
  for (int64_t r = 0; r < rows; ++r, logits += width, dlogits += width) {
    if (target.ignored(r)) {
      for_each_vector(width, [&](int64_t i, auto part) { part.store(dlogits + i, splat(0.0F)); });
      continue;
    }
    const float* t = target.labels != nullptr ? nullptr : target.probabilities + r * width;
    const float total = t == nullptr ? 1.0F : keep * sum_of(width, t) + target.smoothing;
    const Vec scale = splat(total / sum[r]);
    const Vec d = splat(dloss[r]);
    for_each_vector(width, [&](int64_t i, auto part) {
      Vec gradient = simd::exp(part.load(logits + i) - splat(max[r])) * scale - uniform;
      if (t != nullptr) gradient = fnma(splat(keep), part.load(t + i), gradient);
      part.store(dlogits + i, d * gradient);
    });
    if (t == nullptr) dlogits[target.labels[r]] -= dloss[r] * keep;
  }
}

}  // namespace

extern const CrossEntropy cross_entropy;
const CrossEntropy cross_entropy{forward, backward};

}  // namespace vitrine::kernels::VT_ISA
