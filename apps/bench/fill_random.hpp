#pragma once

#include <cstdint>
#include <span>

#include "core/random.hpp"

namespace vitrine {

/// Numbers to measure with, uniform in [-1, 1): a function of (seed, stream).
inline void fill_random(std::span<float> to, uint64_t seed, uint64_t stream = 0) {
  Random random(seed, RandomPlace::kTest, stream);
  for (float& v : to) v = 2 * random.uniform() - 1;
}

}  // namespace vitrine
