#pragma once

#include <cstdint>

namespace vitrine {

/// The elementwise functions of ops/unary.
enum class UnaryFunction {
  kExp,
  kLog,
  kSqrt,
  kTanh,
  kSigmoid,
  kErf,
  kRelu,
  kSilu,
  kGelu,
  kGeluTanh,
  kQuickGelu,
  kSquare,
  kAbs,
  kNeg,
};

/// Whether the derivative of `f` is computed from y = f(x) instead of from x. Then x need not be
/// kept for the backward pass, and y may overwrite it.
constexpr bool derivative_from_output(UnaryFunction f) {
  return f == UnaryFunction::kExp || f == UnaryFunction::kSqrt || f == UnaryFunction::kTanh ||
         f == UnaryFunction::kSigmoid || f == UnaryFunction::kRelu ||
         f == UnaryFunction::kNeg;  // -1, whatever y is
}

}  // namespace vitrine

namespace vitrine::kernels {

/// Kernels of ops/unary. Everything is (n) and contiguous; y may be x, dx may be dy.
struct Unary {
  /// y = f(x).
  void (*forward)(UnaryFunction f, int64_t n, const float* x, float* y);

  /// dx = dy f'. `saved` is y if derivative_from_output(f), else x.
  void (*backward)(UnaryFunction f, int64_t n, const float* dy, const float* saved, float* dx);
};

}  // namespace vitrine::kernels
