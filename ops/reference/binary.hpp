#pragma once

#include <cstdint>

#include "ops/kernels/binary.hpp"

namespace vitrine::reference {

/// f(a, b); a maximum or minimum with NaN is NaN.
template <class T>
T binary(BinaryFunction f, T a, T b) {
  switch (f) {
    case BinaryFunction::kAdd:
      return a + b;
    case BinaryFunction::kSub:
      return a - b;
    case BinaryFunction::kMul:
      return a * b;
    case BinaryFunction::kDiv:
      return a / b;
    case BinaryFunction::kMaximum:
      return a > b || a != a ? a : b;
    case BinaryFunction::kMinimum:
      return a < b || a != a ? a : b;
  }
  return a;
}

template <class T>
struct Partials {
  T da, db;
};

/// df/da and df/db.
template <class T>
Partials<T> binary_partials(BinaryFunction f, T a, T b) {
  const T half = T(1) / 2;
  switch (f) {
    case BinaryFunction::kAdd:
      return {1, 1};
    case BinaryFunction::kSub:
      return {1, -1};
    case BinaryFunction::kMul:
      return {b, a};
    case BinaryFunction::kDiv:
      return {1 / b, -a / b / b};
    case BinaryFunction::kMaximum:
      if (a == b) return {half, half};
      return {a < b ? T(0) : T(1), b < a ? T(0) : T(1)};
    case BinaryFunction::kMinimum:
      if (a == b) return {half, half};
      return {b < a ? T(0) : T(1), a < b ? T(0) : T(1)};
  }
  return {0, 0};
}

inline float element(const kernels::BinaryOperand& operand, int64_t row, int64_t i) {
  return operand.data[row * operand.pitch + i * operand.step];
}

inline void binary_forward(BinaryFunction f, int64_t rows, int64_t n, kernels::BinaryOperand a,
                           kernels::BinaryOperand b, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) *y++ = binary(f, element(a, r, i), element(b, r, i));
  }
}

inline void binary_backward(BinaryFunction f, int64_t rows, int64_t n, const float* dy,
                            kernels::BinaryOperand a, kernels::BinaryOperand b, float* da,
                            float* db) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) {
      const auto partials = binary_partials(f, element(a, r, i), element(b, r, i));
      const int64_t at = r * n + i;
      if (da != nullptr) da[at] = dy[at] * partials.da;
      if (db != nullptr) db[at] = dy[at] * partials.db;
    }
  }
}

}  // namespace vitrine::reference
