#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// A random mask: element i is kept if its number u_i, uniform in [0, 1), is at least p.
///
/// Which number belongs to which element is the same for every ISA, and made so that 4, 8 or 16
/// counters at a time give whole vectors: a Philox block has 4 words, 16 blocks make a group of 64
/// elements, and word w of all 16 blocks makes 16 neighbours. Element i of group g = i / 64 takes
///   word w = i % 64 / 16 of philox({g * 16 + i % 16, stream, low of step, high of step}, seed)
/// and u_i is its top 24 bits.
struct DropoutMask {
  uint64_t seed;
  uint64_t step;
  uint32_t stream;  ///< the second word of the counter
  float p;
  float scale;  ///< of what is kept
};

constexpr int64_t kDropoutGroup = 64;

/// Kernels of ops/dropout. y may be x.
struct Dropout {
  /// y[i] = x[i] * scale where element first + i is kept, otherwise 0, for i < n; `first` is a
  /// multiple of kDropoutGroup. With x null it stands for ones.
  void (*apply)(int64_t n, int64_t first, const DropoutMask& mask, const float* x, float* y);

  /// y[r] = residual[r] + factor[r] * x[r] over rows of (rows, width); where the factor is 0, x is
  /// not read. With residual null it stands for zeros.
  void (*scale_rows)(int64_t rows, int64_t width, const float* factor, const float* x,
                     const float* residual, float* y);
};

}  // namespace vitrine::kernels
