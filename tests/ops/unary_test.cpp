// Elementwise functions of one tensor.
//   formula   derivatives in double against differences: below 1e-8
//   kernel    every ISA against double: tails, misalignment, in place; the error bounds of
//             ops/unary.hpp on 65,000 floats spread over all bit patterns; NaN, infinities, kinks
//   operation tape, reuse of storage, bit-identical results for any number of threads, errors
// Not here: the values of PyTorch (golden_check).

#include "ops/unary.hpp"

#include <catch2/catch.hpp>

#include <bit>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "ops/binary.hpp"
#include "ops/kernels/all.hpp"
#include "ops/reference/unary.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::randoms;

struct Entry {
  UnaryFunction f;
  Tensor (*operation)(Tensor);
  const char* name;
};
constexpr Entry kAll[] = {
    {UnaryFunction::kExp, exp, "exp"},
    {UnaryFunction::kLog, log, "log"},
    {UnaryFunction::kSqrt, sqrt, "sqrt"},
    {UnaryFunction::kTanh, tanh, "tanh"},
    {UnaryFunction::kSigmoid, sigmoid, "sigmoid"},
    {UnaryFunction::kErf, erf, "erf"},
    {UnaryFunction::kRelu, relu, "relu"},
    {UnaryFunction::kSilu, silu, "silu"},
    {UnaryFunction::kGelu, gelu, "gelu"},
    {UnaryFunction::kGeluTanh, gelu_tanh, "gelu_tanh"},
    {UnaryFunction::kQuickGelu, quick_gelu, "quick_gelu"},
    {UnaryFunction::kSquare, square, "square"},
    {UnaryFunction::kAbs, abs, "abs"},
    {UnaryFunction::kNeg, neg, "neg"},
};

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

bool positive_only(UnaryFunction f) {
  return f == UnaryFunction::kLog || f == UnaryFunction::kSqrt;
}

/// f and f' at x in double.
double value_at(UnaryFunction f, double x) { return reference::unary(f, x); }
double slope_at(UnaryFunction f, double x) {
  return reference::unary_derivative(f, derivative_from_output(f) ? value_at(f, x) : x);
}

/// Arguments for the tests of tails and operations: away from the kinks at 0.
std::vector<float> arguments(UnaryFunction f, int64_t n, uint64_t stream) {
  auto x = randoms(n, stream, 2.0);
  for (float& v : x) {
    if (positive_only(f)) v = std::abs(v) + 0.1F;
    if (std::abs(v) < 0.01F) v = 0.01F;
  }
  return x;
}

TEST_CASE("unary: the derivatives are those of the functions", "[ops][gradient]") {
  for (const Entry& entry : kAll) {
    INFO(entry.name);
    for (const float x : arguments(entry.f, 40, 1)) {
      const auto f = [&](const std::vector<double>& v) { return value_at(entry.f, v[0]); };
      const double slope = test::differences(f, {static_cast<double>(x)})[0];
      CHECK(slope_at(entry.f, static_cast<double>(x)) == Approx(slope).epsilon(1e-8).margin(1e-8));
    }
  }
}

TEST_CASE("unary: kernels at every tail and misalignment, on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const kernels::Unary& kernel = *kernels::active().unary;
  for (const Entry& entry : kAll) {
    for (const int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100}) {
      for (const int64_t shift : {0, 1, 3}) {  // floats of misalignment
        const auto x = arguments(entry.f, n + shift, 2);
        const auto dy = randoms(n + shift, 3);
        std::vector<float> y(x.size() + 1, 7.0F);
        std::vector<float> dx(x.size() + 1, 7.0F);
        kernel.forward(entry.f, n, x.data() + shift, y.data() + shift);
        const auto& saved = derivative_from_output(entry.f) ? y : x;
        kernel.backward(entry.f, n, dy.data() + shift, saved.data() + shift, dx.data() + shift);
        double error = 0;
        for (size_t i = static_cast<size_t>(shift); i < x.size(); ++i) {
          const double at = static_cast<double>(x[i]);
          const double d = static_cast<double>(dy[i]);
          const double want = value_at(entry.f, at);
          const double slope = d * slope_at(entry.f, at);
          error = std::max(error, std::abs(y[i] - want) / std::max(1.0, std::abs(want)));
          error = std::max(error, std::abs(dx[i] - slope) / std::max(1.0, std::abs(slope)));
        }
        INFO(entry.name << ", n " << n << ", shift " << shift);
        CHECK(error < 2e-6);
        CHECK(y.back() == 7.0F);
        CHECK(dx.back() == 7.0F);

        auto in_place = x;
        kernel.forward(entry.f, n, in_place.data() + shift, in_place.data() + shift);
        CHECK(std::equal(in_place.begin() + shift, in_place.end(), y.begin() + shift));
      }
    }
  }
}

/// Every 65,521st bit pattern (a prime, so that the low bits vary) that is a finite float.
const std::vector<float>& all_over() {
  static const std::vector<float> values = [] {
    std::vector<float> v;
    for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 65521) {
      const float x = std::bit_cast<float>(static_cast<uint32_t>(bits));
      if (std::isfinite(x)) v.push_back(x);
    }
    return v;
  }();
  return values;
}

/// What a function's error is measured against.
double scale_of(UnaryFunction f, double x, double y) {
  switch (f) {
    case UnaryFunction::kSilu:
    case UnaryFunction::kGelu:
    case UnaryFunction::kGeluTanh:
    case UnaryFunction::kQuickGelu:
      return std::max(1.0, std::abs(x));
    default:
      return std::abs(y);
  }
}

/// Largest |got - want| / scale; 1 where one is NaN and the other is not. Differences below
/// 1.7e-38 count for nothing, and nor does what double has beyond the largest float.
struct Worst {
  double error = 0;
  void see(float got, double want, double scale) {
    if (std::isnan(want) || std::isnan(got)) {
      if (std::isnan(want) != std::isnan(got)) error = 1;
      return;
    }
    if (got == static_cast<float>(want)) return;
    const double e = std::abs(static_cast<double>(got) - want);
    if (e > 1.7e-38) error = std::max(error, e / scale);
  }
};

TEST_CASE("unary: error bounds over all floats, on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const kernels::Unary& kernel = *kernels::active().unary;
  const std::vector<float>& x = all_over();
  const int64_t n = static_cast<int64_t>(x.size());
  std::vector<float> y(x.size());
  std::vector<float> slope(x.size());
  const std::vector<float> ones(x.size(), 1.0F);
  for (const Entry& entry : kAll) {
    kernel.forward(entry.f, n, x.data(), y.data());
    const auto& saved = derivative_from_output(entry.f) ? y : x;
    kernel.backward(entry.f, n, ones.data(), saved.data(), slope.data());
    Worst value;
    Worst derivative;
    for (size_t i = 0; i < x.size(); ++i) {
      const double at = static_cast<double>(x[i]);
      const double want = value_at(entry.f, at);
      value.see(y[i], want, scale_of(entry.f, at, want));
      const double want_slope = slope_at(entry.f, at);
      derivative.see(slope[i], want_slope, std::max(1.0, std::abs(want_slope)));
    }
    INFO(entry.name);
    CHECK(value.error < 2e-7);
    CHECK(derivative.error < 3e-6);
  }
}

float one(UnaryFunction f, float x) {
  float y = 7.0F;
  kernels::active().unary->forward(f, 1, &x, &y);
  return y;
}

float one_slope(UnaryFunction f, float dy, float saved) {
  float dx = 7.0F;
  kernels::active().unary->backward(f, 1, &dy, &saved, &dx);
  return dx;
}

TEST_CASE("unary: NaN, infinities and kinks, on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  for (const Entry& entry : kAll) {
    INFO(entry.name);
    CHECK(std::isnan(one(entry.f, kNan)));
  }
  CHECK(one(UnaryFunction::kExp, kInf) == kInf);
  CHECK(one(UnaryFunction::kExp, -kInf) == 0.0F);
  CHECK(one(UnaryFunction::kExp, 0.0F) == 1.0F);
  CHECK(one(UnaryFunction::kLog, kInf) == kInf);
  CHECK(one(UnaryFunction::kLog, 0.0F) == -kInf);
  CHECK(std::isnan(one(UnaryFunction::kLog, -1.0F)));
  CHECK(std::isnan(one(UnaryFunction::kSqrt, -1.0F)));
  CHECK(one(UnaryFunction::kSigmoid, kInf) == 1.0F);
  CHECK(one(UnaryFunction::kSigmoid, -kInf) == 0.0F);
  for (const float sign : {1.0F, -1.0F}) {
    CHECK(one(UnaryFunction::kTanh, sign * kInf) == sign);
    CHECK(one(UnaryFunction::kErf, sign * kInf) == sign);
    CHECK(std::signbit(one(UnaryFunction::kTanh, sign * 0.0F)) == (sign < 0));
    CHECK(one_slope(UnaryFunction::kErf, 1.0F, sign * kInf) == 0.0F);
    for (const auto f : {UnaryFunction::kGelu, UnaryFunction::kGeluTanh, UnaryFunction::kQuickGelu,
                         UnaryFunction::kSilu}) {
      // x f'(x) has inf * 0 in it if written carelessly.
      CHECK(one_slope(f, 1.0F, sign * kInf) == (sign > 0 ? 1.0F : 0.0F));
      CHECK(one_slope(f, 1.0F, sign * 1e30F) == (sign > 0 ? 1.0F : 0.0F));
      CHECK(one(f, sign * 1e30F) == (sign > 0 ? 1e30F : 0.0F));
    }
  }
  CHECK(one(UnaryFunction::kRelu, -kInf) == 0.0F);
  CHECK(one_slope(UnaryFunction::kRelu, kInf, 0.0F) == 0.0F);
  CHECK(one_slope(UnaryFunction::kAbs, 5.0F, 0.0F) == 0.0F);
  CHECK(one_slope(UnaryFunction::kAbs, 5.0F, -0.0F) == 0.0F);
  CHECK(one_slope(UnaryFunction::kAbs, 5.0F, -2.0F) == -5.0F);
}

TEST_CASE("unary: operation, tape, and the number of threads", "[ops][threads]") {
  for (const Entry& entry : kAll) {
    const Shape shape{5, 70, 101};  // some chunks and a part of one
    const Tensor x = Tensor::from(arguments(entry.f, shape.numel(), 4), shape);
    const Tensor dy = test::random_tensor(shape, 5);
    const auto run = [&](int n) {
      set_threads(n);
      Tensor leaf = x.clone();
      Tape tape;
      tape.watch(leaf);
      const Tensor y = entry.operation(leaf);
      const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
      set_threads(0);
      return std::pair(y, g.of(leaf));
    };
    INFO(entry.name);
    const auto [y1, dx1] = run(1);
    CHECK(y1.shape() == shape);
    for (int64_t i = 0; i < 50; ++i) {
      const double at = static_cast<double>(x.data()[i]);
      const double slope = static_cast<double>(dy.data()[i]) * slope_at(entry.f, at);
      CHECK(dx1.data()[i] == Approx(slope).epsilon(1e-5).margin(1e-5));
    }
    if (entry.f != UnaryFunction::kExp && entry.f != UnaryFunction::kGelu) continue;
    for (const int n : {2, 3, 4}) {  // all share one loop
      const auto [y, dx] = run(n);
      CHECK(test::same_bits(y, y1));
      CHECK(test::same_bits(dx, dx1));
    }
  }
}

TEST_CASE("unary: an argument that nobody else holds gives its storage", "[ops]") {
  Tensor x = test::random_tensor({100}, 6);
  const float* before = x.data();
  CHECK(gelu(x).data() != before);
  Tensor y = gelu(std::move(x));
  CHECK(y.data() == before);

  // Under a tape only where the derivative does not need x.
  Tape tape;
  tape.watch(y);
  Tensor h = add(y, 1.0F);
  const float* storage = h.data();
  h = tanh(std::move(h));
  CHECK(h.data() == storage);
  h = gelu(std::move(h));
  CHECK(h.data() != storage);
  const Tensor dy = Tensor::full({100}, 1.0F);
  const Gradients g = tape.backward(std::span(&h, 1), std::span(&dy, 1));
  for (int64_t i = 0; i < 100; ++i) {
    const double inside = std::tanh(static_cast<double>(y.data()[i]) + 1.0);
    const double want = (1 - inside * inside) * slope_at(UnaryFunction::kGelu, inside);
    CHECK(g.of(y).data()[i] == Approx(want).epsilon(1e-5).margin(1e-6));
  }

  Tensor frozen = test::random_tensor({100}, 7);
  frozen.freeze();
  CHECK_NOTHROW(relu(std::move(frozen)));
}

TEST_CASE("unary: arguments that do not fit are refused", "[ops][errors]") {
  CHECK_THROWS_WITH(exp(Tensor()), "[exp] x must have at least 0 axes, got nothing");
  CHECK_THROWS_AS(unary_backward(UnaryFunction::kExp, Tensor::zeros({2}), Tensor::zeros({3})),
                  ShapeError);
  CHECK(exp(Tensor::zeros({0, 4})).shape() == Shape{0, 4});
  CHECK(exp(Tensor::scalar(0)).item() == 1.0F);
}

}  // namespace
}  // namespace vitrine
