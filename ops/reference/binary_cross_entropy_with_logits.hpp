#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "ops/reference/cross_entropy.hpp"

namespace vitrine::reference {

/// loss = sum_c (log(1 + e^(x_c)) - x_c target_c), with log(1 + e^x) = max(x, 0) + log(1 + e^-|x|).
template <class T, class Target>
void binary_cross_entropy_with_logits_forward(int64_t rows, int64_t width, const T* logits,
                                              const Target& target, T* loss) {
  for (int64_t r = 0; r < rows; ++r, logits += width) {
    loss[r] = 0;
    if (target.ignored(r)) continue;
    for (int64_t c = 0; c < width; ++c) {
      const T x = logits[c];
      const T t = smoothed<T>(target, r, c, width);
      loss[r] += std::max(x, T{0}) - x * t + std::log1p(std::exp(-std::abs(x)));
    }
  }
}

/// dx_c = dloss (sigmoid(x_c) - target_c)
template <class T, class Target>
void binary_cross_entropy_with_logits_backward(int64_t rows, int64_t width, const T* dloss,
                                               const T* logits, const Target& target, T* dlogits) {
  for (int64_t r = 0; r < rows; ++r, logits += width, dlogits += width) {
    for (int64_t c = 0; c < width; ++c) {
      const T sigmoid = 1 / (1 + std::exp(-logits[c]));
      dlogits[c] = target.ignored(r) ? 0 : dloss[r] * (sigmoid - smoothed<T>(target, r, c, width));
    }
  }
}

}  // namespace vitrine::reference
