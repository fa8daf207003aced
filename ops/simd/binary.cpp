// Elementwise arithmetic on two inputs, either of which may repeat one number along a row or one
// row along all rows.

#include "ops/kernels/binary.hpp"

#include "ops/simd/order.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

/// Elements i, i + 1, ... of one row of an operand.
template <class Part>
inline Vec elements(BinaryOperand operand, const float* row, int64_t i, Part part) {
  return operand.step == 0 ? splat(*row) : part.load(row + i);
}

/// y = f(a, b)
template <class F>
inline void each(int64_t rows, int64_t n, BinaryOperand a, BinaryOperand b, float* y, F f) {
  for (int64_t r = 0; r < rows; ++r, y += n) {
    const float* row_a = a.data + r * a.pitch;
    const float* row_b = b.data + r * b.pitch;
    for_each_vector(n, [&](int64_t i, auto part) {
      part.store(y + i, f(elements(a, row_a, i, part), elements(b, row_b, i, part)));
    });
  }
}

void forward(BinaryFunction function, int64_t rows, int64_t n, BinaryOperand a, BinaryOperand b,
             float* y) {
  switch (function) {
    case BinaryFunction::kAdd:
      return each(rows, n, a, b, y, [](Vec u, Vec v) { return u + v; });
    case BinaryFunction::kSub:
      return each(rows, n, a, b, y, [](Vec u, Vec v) { return u - v; });
    case BinaryFunction::kMul:
      return each(rows, n, a, b, y, [](Vec u, Vec v) { return u * v; });
    case BinaryFunction::kDiv:
      return each(rows, n, a, b, y, [](Vec u, Vec v) { return u / v; });
    case BinaryFunction::kMaximum:
      return each(rows, n, a, b, y, [](Vec u, Vec v) { return larger(u, v); });
    case BinaryFunction::kMinimum:
      return each(rows, n, a, b, y, [](Vec u, Vec v) { return smaller(u, v); });
  }
}

/// da = fa(dy, a, b), db = fb(dy, a, b)
template <class Fa, class Fb>
inline void each_gradient(int64_t rows, int64_t n, const float* dy, BinaryOperand a,
                          BinaryOperand b, float* da, float* db, Fa fa, Fb fb) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* row_a = a.data + r * a.pitch;
    const float* row_b = b.data + r * b.pitch;
    for_each_vector(n, [&](int64_t i, auto part) {
      const int64_t at = r * n + i;
      const Vec d = part.load(dy + at);
      const Vec u = elements(a, row_a, i, part);
      const Vec v = elements(b, row_b, i, part);
      if (da != nullptr) part.store(da + at, fa(d, u, v));
      if (db != nullptr) part.store(db + at, fb(d, u, v));
    });
  }
}

/// What the winner of u and v gets of d: all of it, half if both win, 0 if it loses.
inline Vec share(Vec d, Mask loses, Mask equal) {
  return select(loses, splat(0.0F), select(equal, d * splat(0.5F), d));
}

void backward(BinaryFunction function, int64_t rows, int64_t n, const float* dy, BinaryOperand a,
              BinaryOperand b, float* da, float* db) {
  const auto go = [&](auto fa, auto fb) { each_gradient(rows, n, dy, a, b, da, db, fa, fb); };
  const auto u_less = [](Vec d, Vec u, Vec v) { return share(d, u < v, u == v); };
  const auto v_less = [](Vec d, Vec u, Vec v) { return share(d, v < u, u == v); };
  switch (function) {
    case BinaryFunction::kAdd:
    case BinaryFunction::kSub:
      return;  // dy and -dy: no kernel is called
    case BinaryFunction::kMul:
      return go([](Vec d, Vec, Vec v) { return d * v; }, [](Vec d, Vec u, Vec) { return d * u; });
    case BinaryFunction::kDiv:
      return go([](Vec d, Vec, Vec v) { return d / v; },
                [](Vec d, Vec u, Vec v) { return -d * (u / v) / v; });
    case BinaryFunction::kMaximum:
      return go(u_less, v_less);
    case BinaryFunction::kMinimum:
      return go(v_less, u_less);
  }
}

}  // namespace

extern const Binary binary;
const Binary binary{forward, backward};

}  // namespace vitrine::kernels::VT_ISA
