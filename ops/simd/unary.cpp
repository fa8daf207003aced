// Elementwise functions of one array: y = f(x) and dx = dy f'(x). The mathematics is in
// ops/simd/math.hpp and ops/simd/activation.hpp, shared with the epilogues of matrix products, so a
// fused GELU and a separate one give the same bits.

#include "ops/kernels/unary.hpp"

#include "ops/simd/activation.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

/// y[i] = f(x[i])
template <class F>
inline void map(int64_t n, const float* x, float* y, F f) {
  for_each_vector(n, [&](int64_t i, auto part) { part.store(y + i, f(part.load(x + i))); });
}

void forward(UnaryFunction function, int64_t n, const float* x, float* y) {
  switch (function) {
    case UnaryFunction::kExp:
      return map(n, x, y, [](Vec v) { return exp(v); });
    case UnaryFunction::kLog:
      return map(n, x, y, [](Vec v) { return log(v); });
    case UnaryFunction::kSqrt:
      return map(n, x, y, [](Vec v) { return sqrt(v); });
    case UnaryFunction::kTanh:
      return map(n, x, y, [](Vec v) { return tanh(v); });
    case UnaryFunction::kSigmoid:
      return map(n, x, y, [](Vec v) { return sigmoid(v); });
    case UnaryFunction::kErf:
      return map(n, x, y, [](Vec v) { return erf(v); });
    case UnaryFunction::kRelu:
      return map(n, x, y, [](Vec v) { return relu(v); });
    case UnaryFunction::kSilu:
      return map(n, x, y, [](Vec v) { return scaled_silu(v, 1.0F); });
    case UnaryFunction::kGelu:
      return map(n, x, y, [](Vec v) { return gelu(v); });
    case UnaryFunction::kGeluTanh:
      return map(n, x, y, [](Vec v) { return gelu_tanh(v); });
    case UnaryFunction::kQuickGelu:
      return map(n, x, y, [](Vec v) { return scaled_silu(v, kQuickGeluSlope); });
    case UnaryFunction::kSquare:
      return map(n, x, y, [](Vec v) { return v * v; });
    case UnaryFunction::kAbs:
      return map(n, x, y, [](Vec v) { return abs(v); });
    case UnaryFunction::kNeg:
      return map(n, x, y, [](Vec v) { return -v; });
  }
}

/// dx[i] = f(dy[i], saved[i])
template <class F>
inline void map2(int64_t n, const float* dy, const float* saved, float* dx, F f) {
  for_each_vector(n, [&](int64_t i, auto part) {
    part.store(dx + i, f(part.load(dy + i), part.load(saved + i)));
  });
}

// In each line d is dy, and y or x what was saved: y where derivative_from_output says so.
void backward(UnaryFunction function, int64_t n, const float* dy, const float* saved, float* dx) {
  const Vec zero = splat(0.0F);
  const Vec one = splat(1.0F);
  switch (function) {
    case UnaryFunction::kExp:
      return map2(n, dy, saved, dx, [](Vec d, Vec y) { return d * y; });
    case UnaryFunction::kLog:
      return map2(n, dy, saved, dx, [](Vec d, Vec x) { return d / x; });
    case UnaryFunction::kSqrt:
      return map2(n, dy, saved, dx, [](Vec d, Vec y) { return d / (y + y); });
    case UnaryFunction::kTanh:
      return map2(n, dy, saved, dx, [&](Vec d, Vec y) { return d * fnma(y, y, one); });
    case UnaryFunction::kSigmoid:
      return map2(n, dy, saved, dx, [&](Vec d, Vec y) { return d * (y * (one - y)); });
    case UnaryFunction::kErf: {
      const Vec slope = splat(1.12837917F);  // 2 / sqrt(pi)
      return map2(n, dy, saved, dx, [&](Vec d, Vec x) { return d * (slope * exp(-(x * x))); });
    }
    case UnaryFunction::kRelu:  // by choice, not by multiplication: 0 inf is NaN
      return map2(n, dy, saved, dx, [&](Vec d, Vec y) { return select(y <= zero, zero, d); });
    case UnaryFunction::kSilu:
      return map2(n, dy, saved, dx,
                  [](Vec d, Vec x) { return d * scaled_silu_derivative(x, 1.0F); });
    case UnaryFunction::kGelu:
      return map2(n, dy, saved, dx, [](Vec d, Vec x) { return d * gelu_derivative(x); });
    case UnaryFunction::kGeluTanh:
      return map2(n, dy, saved, dx, [](Vec d, Vec x) { return d * gelu_tanh_derivative(x); });
    case UnaryFunction::kQuickGelu:
      return map2(n, dy, saved, dx,
                  [](Vec d, Vec x) { return d * scaled_silu_derivative(x, kQuickGeluSlope); });
    case UnaryFunction::kSquare:
      return map2(n, dy, saved, dx, [](Vec d, Vec x) { return d * (x + x); });
    case UnaryFunction::kAbs:
      return map2(n, dy, saved, dx,
                  [&](Vec d, Vec x) { return select(x > zero, d, select(x < zero, -d, zero)); });
    case UnaryFunction::kNeg:
      return map2(n, dy, saved, dx, [](Vec d, Vec) { return -d; });
  }
}

}  // namespace

extern const Unary unary;
const Unary unary{forward, backward};

}  // namespace vitrine::kernels::VT_ISA
