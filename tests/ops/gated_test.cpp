// gated:
//   formula   the reference backward in double against differences: relative error below 1e-8
//   kernel    every ISA against the reference in double: every activation, widths around every
//             vector size, misaligned rows; nothing is written behind them
//   operation gate and value in one tensor and apart give the same bits; shapes, errors, threads
// Not here: the values of PyTorch (golden_check).

#include "ops/gated.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/concat.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gated.hpp"
#include "ops/reference/gated.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::random_tensor;
using test::randoms;

Activation each_activation() {
  return GENERATE(Activation::kNone, Activation::kRelu, Activation::kGelu, Activation::kGeluTanh,
                  Activation::kQuickGelu, Activation::kSilu, Activation::kTanh,
                  Activation::kSigmoid);
}

TEST_CASE("gated: the backward formula is the derivative of the forward formula",
          "[ops][gradient]") {
  const Activation f = each_activation();
  const int64_t n = 6;
  const auto a = randoms<double>(n, 1);
  const auto b = randoms<double>(n, 2);
  const auto dy = randoms<double>(n, 3);
  const auto value = [&](const std::vector<double>& a_, const std::vector<double>& b_) {
    std::vector<double> y(dy.size());
    reference::gated_forward(f, 1, n, a_.data(), b_.data(), n, y.data());
    return test::dot(y, dy);
  };
  std::vector<double> da(dy.size());
  std::vector<double> db(dy.size());
  reference::gated_backward(f, 1, n, dy.data(), a.data(), b.data(), n, da.data(), db.data());
  CHECK(max_error(da, test::differences([&](const auto& v) { return value(v, b); }, a)) < 1e-8);
  CHECK(max_error(db, test::differences([&](const auto& v) { return value(a, v); }, b)) < 1e-8);
}

TEST_CASE("gated: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Activation f = each_activation();
  const int64_t width = GENERATE(1, 3, 4, 7, 8, 9, 15, 16, 17, 33, 2730 / 8);
  const int64_t rows = 3;
  const int64_t pitch = 2 * width + 1;  // misaligned from row to row
  const auto x = randoms<double>(rows * pitch, 1, 3.0);
  const auto dy = randoms<double>(rows * width, 2);
  std::vector<double> y(dy.size());
  std::vector<double> dx(x.size(), 7.0);
  reference::gated_forward(f, rows, width, x.data(), x.data() + width, pitch, y.data());
  reference::gated_backward(f, rows, width, dy.data(), x.data(), x.data() + width, pitch, dx.data(),
                            dx.data() + width);
  const std::vector<float> from(x.begin(), x.end());
  const std::vector<float> dfrom(dy.begin(), dy.end());
  std::vector<float> got(y.size() + 1, 7.0F);
  std::vector<float> dgot(x.size(), 7.0F);
  const kernels::Gated& kernel = *kernels::active().gated;
  kernel.forward(f, rows, width, from.data(), from.data() + width, pitch, got.data());
  kernel.backward(f, rows, width, dfrom.data(), from.data(), from.data() + width, pitch,
                  dgot.data(), dgot.data() + width);
  CHECK(got.back() == 7.0F);
  got.pop_back();
  CHECK(max_error(got, y) < 1e-6);
  CHECK(max_error(dgot, dx) < 4e-6);  // derivatives are within 3e-6
}

TEST_CASE("gated: gate and value in one tensor and apart give the same bits", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor dy = random_tensor({3, 50, 130}, 3);
  const auto got = test::same_on_any_threads([&] {
    Tensor a = random_tensor({3, 50, 130}, 1);
    Tensor b = random_tensor({3, 50, 130}, 2);
    Tape tape;
    tape.watch(a);
    tape.watch(b);
    const std::array both = {a, b};
    const Tensor y = gated(concat(both, -1), Activation::kSilu);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(a), g.of(b)};
  });
  Tensor a = random_tensor({3, 50, 130}, 1);
  Tensor b = random_tensor({3, 50, 130}, 2);
  Tape tape;
  tape.watch(a);
  tape.watch(b);
  const Tensor y = gated(a, b, Activation::kSilu);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
  CHECK(test::same_bits(y, got[0]));
  CHECK(test::same_bits(g.of(a), got[1]));
  CHECK(test::same_bits(g.of(b), got[2]));
}

TEST_CASE("gated: shapes that do not fit are refused", "[ops]") {
  CHECK_THROWS_AS(gated(Tensor::zeros({2, 3}), Activation::kSilu), ShapeError);
  CHECK_THROWS_AS(gated(Tensor::zeros({2, 3}), Tensor::zeros({2, 4}), Activation::kSilu),
                  ShapeError);
  CHECK(gated(Tensor::zeros({0, 4}), Activation::kSilu).shape() == Shape{0, 2});
}

}  // namespace
}  // namespace vitrine
