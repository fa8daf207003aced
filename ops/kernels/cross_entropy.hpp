#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// What the logits of some rows are compared with: labels or probabilities, the other is null.
/// Smoothed: target = (1 - smoothing) target + smoothing / width.
struct CrossEntropyTarget {
  const int32_t* labels;       ///< (rows), in [0, width) or ignore_index
  const float* probabilities;  ///< (rows, width)
  float smoothing;
  int32_t ignore_index;

  /// The target of the rows from `row` on.
  CrossEntropyTarget at(int64_t row, int64_t width) const {
    CrossEntropyTarget t = *this;
    if (labels != nullptr) t.labels += row;
    if (probabilities != nullptr) t.probabilities += row * width;
    return t;
  }
  bool ignored(int64_t row) const { return labels != nullptr && labels[row] == ignore_index; }
};

/// Kernels of ops/cross_entropy. Rows are contiguous; nothing may overlap.
struct CrossEntropy {
  /// logits (rows, width). loss, max, sum (rows) are written: the loss (0 for an ignored row), the
  /// largest logit and the sum of the powers of the others' distance to it.
  void (*forward)(int64_t rows, int64_t width, const float* logits,
                  const CrossEntropyTarget& target, float* loss, float* max, float* sum);

  /// dloss (rows) is the gradient of each row's loss; dlogits (rows, width) is overwritten, with 0
  /// for an ignored row.
  void (*backward)(int64_t rows, int64_t width, const float* dloss, const float* logits,
                   const CrossEntropyTarget& target, const float* max, const float* sum,
                   float* dlogits);
};

}  // namespace vitrine::kernels
