// softmax and log_softmax.
//   formula   the reference backwards in double against differences: relative error below 1e-8
//   kernel    every ISA against the reference in double, within the bounds that the header states:
//             widths around every vector size and those of ViTs, misaligned, flat and steep rows
//   operation infinities, axes, tape, bit-identical results for any number of threads, errors
// Not here: the values of PyTorch (golden_check), the error of exp and log (simd_math_test).

#include "ops/softmax.hpp"

#include <catch2/catch.hpp>

#include <limits>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/softmax.hpp"
#include "ops/reference/softmax.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST_CASE("softmax: the backward formulas are the derivatives of the forward formulas",
          "[ops][gradient]") {
  constexpr int64_t kRows = 2;
  constexpr int64_t kWidth = 5;
  const auto x = randoms<double>(kRows * kWidth, 1);
  const auto dy = randoms<double>(kRows * kWidth, 2);
  std::vector<double> y(x.size());
  std::vector<double> dx(x.size());
  const auto value = [&](auto forward) {
    return [&, forward](const std::vector<double>& v) {
      std::vector<double> out(v.size());
      forward(kRows, kWidth, v.data(), out.data());
      return dot(out, dy);
    };
  };
  reference::softmax_forward(kRows, kWidth, x.data(), y.data());
  reference::softmax_backward(kRows, kWidth, dy.data(), y.data(), dx.data());
  CHECK(max_error(dx, differences(value(reference::softmax_forward<double>), x)) < 1e-8);
  reference::log_softmax_forward(kRows, kWidth, x.data(), y.data());
  reference::log_softmax_backward(kRows, kWidth, dy.data(), y.data(), dx.data());
  CHECK(max_error(dx, differences(value(reference::log_softmax_forward<double>), x)) < 1e-8);
}

/// `values` behind `shift` floats, so that they are not aligned.
std::vector<float> shifted(const std::vector<double>& values, int64_t shift) {
  std::vector<float> to(static_cast<size_t>(shift), 0.0F);
  to.insert(to.end(), values.begin(), values.end());
  return to;
}

TEST_CASE("softmax: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = GENERATE(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 197, 1000);
  const double steepness = GENERATE(1.0, 12.0);
  const int64_t shift = GENERATE(0, 1, 3);  // floats of misalignment
  const int64_t rows = 3;
  INFO("width " << width << ", steepness " << steepness << ", shift " << shift);
  const auto x = randoms<double>(rows * width, 1, steepness);
  const auto dy = randoms<double>(rows * width, 2);
  std::vector<double> y(x.size());
  std::vector<double> log_y(x.size());
  std::vector<double> dx(x.size());
  std::vector<double> log_dx(x.size());
  reference::softmax_forward(rows, width, x.data(), y.data());
  reference::log_softmax_forward(rows, width, x.data(), log_y.data());
  reference::softmax_backward(rows, width, dy.data(), y.data(), dx.data());
  reference::log_softmax_backward(rows, width, dy.data(), log_y.data(), log_dx.data());

  const auto xf = shifted(x, shift);
  const auto dyf = shifted(dy, shift);
  std::vector<float> got(xf.size() + 1, 7.0F);
  std::vector<float> gradient(xf.size() + 1, 7.0F);
  const auto part = [&](const std::vector<float>& v) {
    return std::span(v).subspan(static_cast<size_t>(shift), x.size());
  };
  const kernels::Softmax& kernel = *kernels::active().softmax;

  kernel.forward(rows, width, xf.data() + shift, got.data() + shift);
  double worst = 0;  // in units of the header's bound
  double worst_log = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t row = i / static_cast<size_t>(width) * static_cast<size_t>(width);
    const double m = reference::row_max(width, x.data() + row);
    const double bound = (5e-7 + 6e-8 * (m - x[i])) * y[i] + 1.7e-38;
    worst = std::max(worst, std::abs(static_cast<double>(part(got)[i]) - y[i]) / bound);
  }
  // The reference adds up a row in one chain, whose rounding grows with its length.
  const double chain = active_isa() == Isa::kReference ? 1 + 0.005 * static_cast<double>(width) : 1;
  CHECK(worst < chain);
  kernel.backward(rows, width, dyf.data() + shift, got.data() + shift, gradient.data() + shift);
  CHECK(max_error(part(gradient), dx) < 1e-6);

  kernel.log_forward(rows, width, xf.data() + shift, got.data() + shift);
  for (size_t i = 0; i < log_y.size(); ++i) {
    const double error = std::abs(static_cast<double>(part(got)[i]) - log_y[i]);
    worst_log = std::max(worst_log, error / (3e-7 * (1 + std::abs(log_y[i]))));
  }
  CHECK(worst_log < chain);
  kernel.log_backward(rows, width, dyf.data() + shift, got.data() + shift, gradient.data() + shift);
  CHECK(max_error(part(gradient), log_dx) < 4e-6);  // the sum of dy over 1000 elements
  CHECK(got.back() == 7.0F);
  CHECK(gradient.back() == 7.0F);
}

TEST_CASE("softmax: infinities, NaN and large numbers", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const int64_t width = GENERATE(3, 8, 19);
  std::vector<float> row(static_cast<size_t>(width), -kInf);
  const auto run = [&] { return softmax(Tensor::from(row, {1, width}), -1); };
  const auto run_log = [&] { return log_softmax(Tensor::from(row, {1, width}), -1); };
  for (const float v : run().values()) CHECK(std::isnan(v));
  for (const float v : run_log().values()) CHECK(std::isnan(v));

  row[1] = 1e30F;  // alone among -inf
  CHECK(run().data()[1] == 1.0F);
  CHECK(run().data()[0] == 0.0F);
  CHECK(run_log().data()[1] == 0.0F);
  CHECK(run_log().data()[0] == -kInf);

  row[2] = nan;
  for (const float v : run().values()) CHECK(std::isnan(v));
  for (const float v : run_log().values()) CHECK(std::isnan(v));
}

TEST_CASE("softmax: every axis gives the bits of the last axis", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x = test::random_tensor({3, 5, 4, 7}, 1, 3.0);
  const Tensor dy = test::random_tensor({3, 5, 4, 7}, 2);
  // Axis 1 moved to the end by hand: (3, 4, 7, 5).
  const auto moved = [](const Tensor& from) {
    Tensor to = Tensor::empty({3, 4, 7, 5});
    float* out = to.mutable_data();
    for (int64_t o = 0; o < 3; ++o) {
      for (int64_t i = 0; i < 28; ++i) {
        for (int64_t k = 0; k < 5; ++k) *out++ = from.data()[o * 140 + k * 28 + i];
      }
    }
    return to;
  };
  const Tensor y = softmax(x, 1);
  const Tensor log_y = log_softmax(x, -3);
  const Tensor y_last = softmax(moved(x), -1);
  const Tensor log_y_last = log_softmax(moved(x), 3);
  CHECK(test::same_bits(moved(y), y_last));
  CHECK(test::same_bits(moved(log_y), log_y_last));
  CHECK(
      test::same_bits(moved(softmax_backward(dy, y, 1)), softmax_backward(moved(dy), y_last, -1)));
  CHECK(test::same_bits(moved(log_softmax_backward(dy, log_y, 1)),
                        log_softmax_backward(moved(dy), log_y_last, -1)));
}

TEST_CASE("softmax: operation, tape, and the number of threads", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t axis = GENERATE(0, 1, 2);
  const Tensor x0 = test::random_tensor({24, 40, 50}, 1);
  const Tensor dy = test::random_tensor({24, 40, 50}, 2);
  const auto run = [&](int n, auto op) {
    set_threads(n);
    Tensor x = x0.clone();
    Tape tape;
    tape.watch(x);
    const Tensor y = op(x, axis);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    set_threads(0);
    return std::vector{y, g.of(x)};
  };
  for (const auto op : {&softmax, &log_softmax}) {
    const auto one = run(1, op);
    for (const int n : {2, 3, 4}) {
      const auto many = run(n, op);
      CHECK(test::same_bits(one[0], many[0]));
      CHECK(test::same_bits(one[1], many[1]));
    }
  }
}

TEST_CASE("softmax: odd shapes, and arguments that do not fit", "[ops][errors]") {
  CHECK(softmax(Tensor::scalar(3), 0).item() == 1.0F);
  CHECK(log_softmax(Tensor::scalar(3), -1).item() == 0.0F);
  CHECK(softmax(Tensor::zeros({0, 4}), 1).numel() == 0);
  CHECK(softmax(Tensor::zeros({4, 0}), 1).numel() == 0);
  CHECK(softmax(Tensor::zeros({4, 0}), 0).numel() == 0);
  const Tensor x = Tensor::zeros({2, 3});
  CHECK_THROWS_AS(softmax(x, 2), ShapeError);
  CHECK_THROWS_AS(log_softmax(x, -3), ShapeError);
  CHECK_THROWS_AS(softmax(Tensor::scalar(3), 1), ShapeError);
  CHECK_THROWS_WITH(softmax(Tensor(), 0), "[softmax] x must be a tensor, got nothing");
  CHECK_THROWS_WITH(softmax_backward(Tensor::zeros({3, 2}), x, 1),
                    "[softmax_backward] dy must be (2, 3) to match y (2, 3), got (3, 2)");
}

}  // namespace
}  // namespace vitrine
