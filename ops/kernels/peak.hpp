#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// The machine's limits, for reports: what a matrix product could at best reach on this ISA, and
/// what everything else could that streams through memory.
struct Peak {
  /// Runs `steps` rounds of independent multiply-adds that never leave the registers.
  /// Returns their sum, so that the compiler must compute them.
  float (*run)(int64_t steps);
  int64_t flops_per_step;  ///< 2 per multiply-add
  /// Reads n floats once, with the widest loads; returns their sum.
  float (*read)(const float* from, int64_t n);
};

}  // namespace vitrine::kernels
