#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// The numbers of one step.
struct SgdStep {
  float grad_scale;
  float lr;
  float momentum;
  float weight_decay;
  bool nesterov;
  float ema_decay;
  float ema_gain;  ///< 1 - ema_decay
};

/// Kernels of ops/optimizers/sgd.
struct Sgd {
  /// n elements of each; param, buffer and average are updated. buffer is null if momentum is 0,
  /// average may be null.
  void (*update)(int64_t n, const SgdStep& step, const float* grad, float* param, float* buffer,
                 float* average);
};

}  // namespace vitrine::kernels
