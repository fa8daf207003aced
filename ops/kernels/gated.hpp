#pragma once

#include <cstdint>

#include "ops/kernels/activation.hpp"

namespace vitrine::kernels {

/// Kernels of ops/gated. A row of `a` and of `b` every `pitch` floats, the others contiguous.
struct Gated {
  /// y (rows, width) = f(a) b
  void (*forward)(Activation f, int64_t rows, int64_t width, const float* a, const float* b,
                  int64_t pitch, float* y);

  /// da = dy f'(a) b, db = dy f(a), by the pitch of a and b.
  void (*backward)(Activation f, int64_t rows, int64_t width, const float* dy, const float* a,
                   const float* b, int64_t pitch, float* da, float* db);
};

}  // namespace vitrine::kernels
