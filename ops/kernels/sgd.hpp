#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// The numbers of one step.
struct SgdStep {
  float lr;
  float momentum;
  float weight_decay;
  bool nesterov;
};

/// Kernels of ops/sgd.
struct Sgd {
  /// n elements of each; param and buffer are updated. buffer is null if momentum is 0.
  void (*update)(int64_t n, const SgdStep& step, const float* grad, float* param, float* buffer);
};

}  // namespace vitrine::kernels
