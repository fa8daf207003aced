#pragma once

#include <cstdint>

namespace vitrine {

/// The learning rate of each step: a linear warm-up, then a cosine that ends at min_lr.
struct Schedule {
  double lr = 1e-3;         ///< the highest
  double warmup_lr = 1e-6;  ///< of step 0, where there is a warm-up
  double min_lr = 1e-6;
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;  ///< 0: no cosine, lr stays
};

/// Learning rate of step `step`, counted from 0.
///   step < warmup_steps   warmup_lr + step (lr - warmup_lr) / warmup_steps
///   otherwise             min_lr + (lr - min_lr) (1 + cos(pi step / total_steps)) / 2
/// Source: timm's CosineLRScheduler with updates per step: the cosine counts from step 0.
double learning_rate(const Schedule& schedule, int64_t step);

}  // namespace vitrine
