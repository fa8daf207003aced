#pragma once

#include <cstdint>

namespace vitrine::reference {

constexpr int64_t kPeakChains = 8;

/// Independent chains of x <- 0.999 x + 0.001, which go to 1.
inline float peak(int64_t steps) {
  float chain[kPeakChains] = {};
  for (int64_t step = 0; step < steps; ++step) {
    for (float& x : chain) x = 0.999F * x + 0.001F;
  }
  float sum = 0;
  for (const float x : chain) sum += x;
  return sum;
}

/// The sum of n floats.
inline float read(const float* from, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += from[i];
  return sum;
}

}  // namespace vitrine::reference
