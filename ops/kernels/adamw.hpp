#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// The numbers of one step, the same for every element.
struct AdamWStep {
  float grad_scale;
  float keep;   ///< what decoupled weight decay leaves of param: 1 - lr weight_decay
  float l2;     ///< added to the gradient, times param
  float gain1;  ///< 1 - beta1
  float gain2;  ///< 1 - beta2
  float beta2;
  float rate;        ///< lr / (1 - beta1^step)
  float root_scale;  ///< 1 / sqrt(1 - beta2^step)
  float eps;
  float ema_decay;
  float ema_gain;  ///< 1 - ema_decay
};

/// Kernels of ops/optimizers/adamw.
struct AdamW {
  /// n elements of each; param, m, v and average, which may be null, are updated. Nothing may
  /// overlap.
  void (*update)(int64_t n, const AdamWStep& step, const float* grad, float* param, float* m,
                 float* v, float* average);
};

}  // namespace vitrine::kernels
