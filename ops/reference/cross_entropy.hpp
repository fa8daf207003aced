#pragma once

#include <cmath>
#include <cstdint>

#include "ops/reference/softmax.hpp"

namespace vitrine::reference {

/// Element c of a row's smoothed target; Target is kernels::CrossEntropyTarget or like it.
template <class T, class Target>
T smoothed(const Target& target, int64_t row, int64_t c, int64_t width) {
  const T s = static_cast<T>(target.smoothing);
  const T t = target.labels != nullptr ? static_cast<T>(target.labels[row] == c)
                                       : static_cast<T>(target.probabilities[row * width + c]);
  return (1 - s) * t + s / static_cast<T>(width);
}

/// loss = sum_c target_c (log_sum - (x_c - m)): minus the target's mean of log_softmax(x).
template <class T, class Target>
void cross_entropy_forward(int64_t rows, int64_t width, const T* logits, const Target& target,
                           T* loss, T* max, T* sum) {
  for (int64_t r = 0; r < rows; ++r, logits += width) {
    max[r] = row_max(width, logits);
    sum[r] = row_sum_exp(width, logits, max[r]);
    loss[r] = 0;
    if (target.ignored(r)) continue;
    const T log_sum = std::log(sum[r]);
    for (int64_t c = 0; c < width; ++c) {
      const T t = smoothed<T>(target, r, c, width);
      // A label means that the other classes do not count: 0 times an infinite distance is 0.
      if (target.labels != nullptr && t == 0) continue;
      loss[r] += t * (log_sum - (logits[c] - max[r]));
    }
  }
}

/// dx_c = dloss (softmax(x)_c sum_j target_j - target_c)
template <class T, class Target>
void cross_entropy_backward(int64_t rows, int64_t width, const T* dloss, const T* logits,
                            const Target& target, const T* max, const T* sum, T* dlogits) {
  for (int64_t r = 0; r < rows; ++r, logits += width, dlogits += width) {
    T total = 0;
    for (int64_t c = 0; c < width; ++c) {
      dlogits[c] = 0;
      total += target.labels != nullptr ? 0 : smoothed<T>(target, r, c, width);
    }
    if (target.ignored(r)) continue;
    if (target.labels != nullptr) total = 1;  // a label's target adds up to 1 by definition
    for (int64_t c = 0; c < width; ++c) {
      const T p = std::exp(logits[c] - max[r]) / sum[r];
      dlogits[c] = dloss[r] * (p * total - smoothed<T>(target, r, c, width));
    }
  }
}

}  // namespace vitrine::reference
