// pad, flip, index_select, rms_norm: small cases worked out by hand, gradients as transposed maps
// or differences, errors. Not here: the values of PyTorch (golden_check).

#include "ops/pad.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/flip.hpp"
#include "ops/index_select.hpp"
#include "ops/rms_norm.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;

using Values = std::vector<double>;

Tensor matrix() { return Tensor::from(std::vector{1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}, {2, 3}); }

bool holds(const Tensor& t, const Shape& shape, const std::vector<float>& values) {
  return t.shape() == shape && std::ranges::equal(t.values(), values);
}

/// The gradient of sum(dy f(x)) where dy is 1, 2, 3, ...
template <class F>
Tensor gradient(const F& f, Tensor x) {
  Tape tape;
  tape.watch(x);
  const Tensor y = f(x);
  Tensor dy = Tensor::empty(y.shape());
  for (int64_t i = 0; i < dy.numel(); ++i) dy.mutable_data()[i] = static_cast<float>(i + 1);
  return tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(x);
}

TEST_CASE("pad: adds and cuts off, and so does its gradient", "[ops]") {
  CHECK(holds(pad(matrix(), {{1, 0}, {0, 1}}, 9), {3, 4}, {9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9}));
  CHECK(holds(pad(matrix(), {{-1, 0}, {1, -2}}), {1, 2}, {0, 4}));
  CHECK(holds(pad(matrix(), {{0, 0}, {-1, -2}}), {2, 0}, {}));
  CHECK(holds(pad(Tensor::zeros({0, 2}), {{1, 0}, {0, 0}}, 7), {1, 2}, {7, 7}));
  CHECK(holds(pad(Tensor::scalar(3), {}), {}, {3}));
  const auto both = [](const Tensor& x) { return pad(x, {{1, 0}, {1, -2}}, 5); };
  CHECK(holds(gradient(both, matrix()), {2, 3}, {4, 0, 0, 6, 0, 0}));
}

TEST_CASE("flip: reverses, and so does its gradient", "[ops]") {
  CHECK(holds(flip(matrix(), {1}), {2, 3}, {3, 2, 1, 6, 5, 4}));
  CHECK(holds(flip(matrix(), {0, -1}), {2, 3}, {6, 5, 4, 3, 2, 1}));
  CHECK(holds(flip(matrix(), {}), {2, 3}, {1, 2, 3, 4, 5, 6}));
  CHECK(flip(Tensor::zeros({2, 0}), {0}).numel() == 0);
  const auto rows = [](const Tensor& x) { return flip(x, {0}); };
  CHECK(holds(gradient(rows, matrix()), {2, 3}, {4, 5, 6, 1, 2, 3}));
  // Long enough to be cut for threads, and rows that are transposed in blocks.
  const Tensor x = test::random_tensor({3, 40, 900}, 1);
  CHECK(test::same_bits(flip(flip(x, {0, 2}), {2, 0}), x));
  CHECK(flip(x, {0, 2}).values()[0] == x.values()[2 * 40 * 900 + 899]);
}

TEST_CASE("index_select: slices, whose gradients add up", "[ops]") {
  CHECK(holds(index_select(matrix(), 0, {1, 1, 0}), {3, 3}, {4, 5, 6, 4, 5, 6, 1, 2, 3}));
  CHECK(holds(index_select(matrix(), -1, {2, 0}), {2, 2}, {3, 1, 6, 4}));
  CHECK(holds(index_select(matrix(), 1, {}), {2, 0}, {}));
  const auto twice = [](const Tensor& x) { return index_select(x, 1, {2, 0, 2}); };
  CHECK(holds(gradient(twice, matrix()), {2, 3}, {2, 0, 4, 5, 0, 10}));
}

TEST_CASE("rms_norm: values and gradients are those of the formula", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = GENERATE(1, 5, 16, 19);
  const auto n = static_cast<size_t>(width);
  const Values x = randoms<double>(3 * width, 1, 1.0, 0.5);
  const Values gamma = randoms<double>(width, 2);
  const Values dy = randoms<double>(3 * width, 3);
  constexpr double kEps = 1e-3;
  const auto normalize = [&](const Values& from, const Values& scale) {
    Values y(from.size());
    for (size_t row = 0; row < y.size(); row += n) {
      double squares = 0;
      for (size_t i = row; i < row + n; ++i) squares += from[i] * from[i];
      const double rms = std::sqrt(squares / static_cast<double>(width) + kEps);
      for (size_t i = row; i < row + n; ++i) y[i] = from[i] / rms * scale[i - row];
    }
    return y;
  };
  const auto tensor = [](const Values& v, const Shape& shape) {
    return Tensor::from(std::vector<float>(v.begin(), v.end()), shape);
  };
  Tensor t = tensor(x, {3, width});
  Tensor g = tensor(gamma, {width});
  const Tensor cotangent = tensor(dy, {3, width});
  Tape tape;
  tape.watch(t);
  tape.watch(g);
  const Tensor y = rms_norm(t, g, static_cast<float>(kEps));
  const Gradients gradients = tape.backward(std::span(&y, 1), std::span(&cotangent, 1));
  CHECK(max_error(y.values(), normalize(x, gamma)) < 2e-6);
  const auto dx =
      differences([&](const Values& v) { return dot(normalize(v, gamma), dy); }, x, 1e-4);
  const auto dgamma = differences([&](const Values& v) { return dot(normalize(x, v), dy); }, gamma);
  CHECK(max_error(gradients.of(t).values(), dx) < 1e-5);
  CHECK(max_error(gradients.of(g).values(), dgamma) < 4e-6);
  const Values ones(n, 1.0);
  CHECK(max_error(rms_norm(t.detach(), Tensor(), static_cast<float>(kEps)).values(),
                  normalize(x, ones)) < 2e-6);
}

TEST_CASE("pad, flip, index_select, rms_norm: arguments that do not fit are refused",
          "[ops][errors]") {
  const Tensor x = matrix();
  CHECK_THROWS_AS(pad(x, {{1, 1}}), ShapeError);
  CHECK_THROWS_AS(pad(x, {{0, 0}, {-2, -2}}), ShapeError);
  CHECK_THROWS_AS(pad(x, {{0, 0}, {-4, 5}}), ShapeError);
  CHECK_THROWS_AS(pad(x, {{INT64_MIN, 0}, {0, 0}}), ShapeError);
  CHECK_THROWS_AS(pad(x, {{0, INT64_MAX}, {0, 0}}), ShapeError);
  CHECK_THROWS_AS(flip(x, {2}), ShapeError);
  CHECK_THROWS_AS(flip(x, {0, -2}), ShapeError);
  CHECK_THROWS_WITH(index_select(x, 1, {0, 3}),
                    "[index_select] index 3 must be within axis 1 of (2, 3)");
  CHECK_THROWS_AS(index_select(x, 2, {0}), ShapeError);
  CHECK_THROWS_AS(index_select(x, 0, {-1}), UsageError);
  CHECK_THROWS_AS(rms_norm(x, Tensor::zeros({2}), 1e-6F), ShapeError);
  CHECK_THROWS_AS(rms_norm(Tensor::scalar(1), Tensor(), 1e-6F), ShapeError);
}

}  // namespace
}  // namespace vitrine
