#pragma once

#include <cstdint>

namespace vitrine {

/// The elementwise functions of ops/binary.
enum class BinaryFunction { kAdd, kSub, kMul, kDiv, kMaximum, kMinimum };

}  // namespace vitrine

namespace vitrine::kernels {

/// An input of (rows, n) elements that may repeat itself: element (r, i) is
/// data[r * pitch + i * step].
struct BinaryOperand {
  const float* data;
  int64_t pitch;  ///< 0: every row is the same
  int64_t step;   ///< 1, or 0: every element of a row is the same
};

/// Kernels of ops/binary. y, dy, da and db are (rows, n) and contiguous; y may be an operand with
/// step 1 and pitch n, da and db may be dy.
struct Binary {
  /// y = f(a, b).
  void (*forward)(BinaryFunction f, int64_t rows, int64_t n, BinaryOperand a, BinaryOperand b,
                  float* y);

  /// da = dy df/da and db = dy df/db, each element by itself; either may be null. Of equal
  /// arguments of a maximum or minimum each gets half of dy. Not for kAdd and kSub, whose gradients
  /// are dy and -dy.
  void (*backward)(BinaryFunction f, int64_t rows, int64_t n, const float* dy, BinaryOperand a,
                   BinaryOperand b, float* da, float* db);
};

}  // namespace vitrine::kernels
