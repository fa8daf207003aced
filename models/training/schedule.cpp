#include "models/training/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vitrine {

double learning_rate(const Schedule& s, int64_t step) {
  if (step < s.warmup_steps) {
    return s.warmup_lr +
           static_cast<double>(step) * (s.lr - s.warmup_lr) / static_cast<double>(s.warmup_steps);
  }
  const double part = std::min(1.0, static_cast<double>(step) / static_cast<double>(s.total_steps));
  switch (s.decay) {
    case Decay::kConstant:
      return s.lr;
    case Decay::kLinear:
      return s.lr + (s.min_lr - s.lr) * part;
    case Decay::kCosine:
      return s.min_lr + (s.lr - s.min_lr) * (1 + std::cos(std::numbers::pi * part)) / 2;
    case Decay::kStep: {
      const int64_t falls = step / s.decay_steps;
      return std::max(s.min_lr, s.lr * std::pow(s.decay_rate, static_cast<double>(falls)));
    }
  }
  return s.lr;
}

}  // namespace vitrine
