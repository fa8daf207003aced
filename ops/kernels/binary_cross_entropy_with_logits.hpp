#pragma once

#include <cstdint>

#include "ops/kernels/cross_entropy.hpp"

namespace vitrine::kernels {

/// Kernels of ops/binary_cross_entropy_with_logits. Rows are contiguous; nothing may overlap.
struct BinaryCrossEntropyWithLogits {
  /// logits (rows, width). loss (rows) is written: the sum over the classes, 0 for an ignored row.
  void (*forward)(int64_t rows, int64_t width, const float* logits,
                  const CrossEntropyTarget& target, float* loss);

  /// dloss (rows) is the gradient of each row's sum; dlogits (rows, width) is overwritten, with 0
  /// for an ignored row.
  void (*backward)(int64_t rows, int64_t width, const float* dloss, const float* logits,
                   const CrossEntropyTarget& target, float* dlogits);
};

}  // namespace vitrine::kernels
