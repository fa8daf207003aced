// layer_norm: the pattern for the test of an operation.
//   formula   the reference backward in double against differences: relative error below 1e-8
//   kernel    every ISA against the reference in double: widths around every vector size and those
//             of ViTs, misaligned, offsets of up to 1000 deviations (a one-pass variance fails)
//   operation shapes, errors, tape, bit-identical results for any number of threads
// Not here: the values of PyTorch (golden_check), models.

#include "ops/layer_norm.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "core/error.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/layer_norm.hpp"
#include "ops/reference/layer_norm.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;

constexpr double kEps = 1e-6;

struct Case {
  int64_t rows, width;
  std::vector<double> x, gamma, beta, dy;
  std::vector<double> y, mean, rstd, dx, dgamma, dbeta;

  Case(int64_t rows_, int64_t width_, double offset = 0)
      : rows(rows_),
        width(width_),
        x(randoms<double>(rows * width, 1, 1.0, offset)),
        gamma(randoms<double>(width, 2)),
        beta(randoms<double>(width, 3)),
        dy(randoms<double>(rows * width, 4)) {
    y = dx = x;
    mean.resize(static_cast<size_t>(rows));
    rstd = mean;
    dgamma.assign(static_cast<size_t>(width), 0);
    dbeta = dgamma;
    reference::layer_norm_forward(rows, width, x.data(), gamma.data(), beta.data(), kEps, y.data(),
                                  mean.data(), rstd.data());
    reference::layer_norm_backward(rows, width, dy.data(), x.data(), gamma.data(), mean.data(),
                                   rstd.data(), dx.data(), dgamma.data(), dbeta.data());
  }

  /// sum(dy * y) as a function of the three inputs.
  double value(const std::vector<double>& x_, const std::vector<double>& gamma_,
               const std::vector<double>& beta_) const {
    std::vector<double> out(y.size());
    std::vector<double> m(mean.size());
    std::vector<double> s(rstd.size());
    reference::layer_norm_forward(rows, width, x_.data(), gamma_.data(), beta_.data(), kEps,
                                  out.data(), m.data(), s.data());
    return dot(out, dy);
  }
};

TEST_CASE("layer_norm: the backward formula is the derivative of the forward formula",
          "[ops][gradient]") {
  const Case c(3, 7);
  const auto dx = differences([&](const auto& v) { return c.value(v, c.gamma, c.beta); }, c.x);
  const auto dgamma = differences([&](const auto& v) { return c.value(c.x, v, c.beta); }, c.gamma);
  const auto dbeta = differences([&](const auto& v) { return c.value(c.x, c.gamma, v); }, c.beta);
  CHECK(max_error(c.dx, dx) < 1e-8);
  CHECK(max_error(c.dgamma, dgamma) < 1e-8);
  CHECK(max_error(c.dbeta, dbeta) < 1e-8);
}

TEST_CASE("layer_norm: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = GENERATE(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 192, 768, 1023);
  const double offset = GENERATE(0.0, 10.0, 1000.0);
  const int64_t shift = GENERATE(0, 1, 3);  // floats of misalignment
  const int64_t rows = 3;
  const Case c(rows, width, offset);
  INFO("width " << width << ", offset " << offset << ", shift " << shift);

  const auto at = [&](const std::vector<double>& from) {
    std::vector<float> to(static_cast<size_t>(shift), 0.0F);
    to.insert(to.end(), from.begin(), from.end());
    return to;
  };
  const auto x = at(c.x);
  const auto gamma = at(c.gamma);
  const auto beta = at(c.beta);
  const auto dy = at(c.dy);
  std::vector<float> y(x.size() + 1, 7.0F);
  std::vector<float> dx(x.size() + 1, 7.0F);
  std::vector<float> mean(3);
  std::vector<float> rstd(3);
  std::vector<float> dgamma(gamma.size());
  std::vector<float> dbeta(gamma.size());
  const kernels::LayerNorm& kernel = *kernels::active().layer_norm;
  kernel.forward(rows, width, x.data() + shift, gamma.data() + shift, beta.data() + shift,
                 static_cast<float>(kEps), y.data() + shift, mean.data(), rstd.data());
  kernel.backward(rows, width, dy.data() + shift, x.data() + shift, gamma.data() + shift,
                  mean.data(), rstd.data(), dx.data() + shift, dgamma.data() + shift,
                  dbeta.data() + shift);
  const auto part = [&](const std::vector<float>& v, size_t n) {
    return std::span(v).subspan(static_cast<size_t>(shift), n);
  };
  // x - mean is wrong by up to |mean| / 2^24, and every result has that times rstd in it.
  const double rstd_max = *std::ranges::max_element(c.rstd);
  const double tolerance = 4e-6 * (1 + offset) * std::max(rstd_max, 1.0);
  CHECK(max_error(part(y, c.y.size()), c.y) < tolerance);
  CHECK(max_error(part(dx, c.dx.size()), c.dx) < tolerance);
  CHECK(max_error(part(dgamma, c.dgamma.size()), c.dgamma) < tolerance);
  CHECK(max_error(part(dbeta, c.dbeta.size()), c.dbeta) < tolerance);
  CHECK(y.back() == 7.0F);
  CHECK(dx.back() == 7.0F);
}

TEST_CASE("layer_norm: operation, tape, and the number of threads", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x0 = test::random_tensor({2, 197, 192}, 1);
  const Tensor dy = test::random_tensor({2, 197, 192}, 2);
  test::same_on_any_threads([&] {
    Tensor x = x0.clone();
    Tensor gamma = test::random_tensor({192}, 3);
    Tensor beta = test::random_tensor({192}, 4);
    Tape tape;
    tape.watch(x);
    tape.watch(gamma);
    tape.watch(beta);
    const Tensor y = layer_norm(x, gamma, beta, 1e-6F);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(x), g.of(gamma), g.of(beta)};
  });
}

TEST_CASE("layer_norm: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 197, 768});
  const Tensor good = Tensor::zeros({768});
  const Tensor bad = Tensor::zeros({512});
  CHECK_THROWS_WITH(layer_norm(x, bad, good, 1e-6F), "[layer_norm] gamma must be (768), got (512)");
  CHECK_THROWS_AS(layer_norm(x, good, Tensor(), 1e-6F), ShapeError);
  CHECK_THROWS_AS(layer_norm(Tensor(), good, good, 1e-6F), ShapeError);
  CHECK_THROWS_AS(layer_norm(Tensor::scalar(1), Tensor(), Tensor(), 1e-6F), ShapeError);
  CHECK(layer_norm(Tensor::zeros({0, 4}), Tensor(), Tensor(), 1e-6F).numel() == 0);
}

}  // namespace
}  // namespace vitrine
