#pragma once

#include <cstdint>

namespace vitrine {

/// How the learning rate falls after the warm-up.
enum class Decay {
  kConstant,
  kLinear,  ///< to min_lr at the end
  kCosine,  ///< to min_lr at the end
  kStep,    ///< by decay_rate every decay_steps, not below min_lr
};

/// The learning rate of each step: a linear warm-up, then a decay.
struct Schedule {
  Decay decay = Decay::kConstant;
  double lr = 1e-3;         ///< the highest
  double warmup_lr = 1e-6;  ///< of step 0, where there is a warm-up
  double min_lr = 1e-6;
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;
  int64_t decay_steps = 1;
  double decay_rate = 0.1;
};

/// Learning rate of step `step`, counted from 0, with part = min(1, step / total_steps):
///   step < warmup_steps   warmup_lr + step (lr - warmup_lr) / warmup_steps
///   constant              lr
///   linear                lr + (min_lr - lr) part
///   cosine                min_lr + (lr - min_lr) (1 + cos(pi part)) / 2
///   step                  max(min_lr, lr decay_rate^floor(step / decay_steps))
/// Source: timm's schedulers with updates per step: decays count from step 0, so that the warm-up
/// hides their beginning.
double learning_rate(const Schedule& schedule, int64_t step);

}  // namespace vitrine
