#include "models/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vitrine {

double learning_rate(const Schedule& s, int64_t step) {
  if (step < s.warmup_steps) {
    return s.warmup_lr +
           static_cast<double>(step) * (s.lr - s.warmup_lr) / static_cast<double>(s.warmup_steps);
  }
  if (s.total_steps <= 0) return s.lr;
  const double part = std::min(1.0, static_cast<double>(step) / static_cast<double>(s.total_steps));
  return s.min_lr + (s.lr - s.min_lr) * (1 + std::cos(std::numbers::pi * part)) / 2;
}

}  // namespace vitrine
