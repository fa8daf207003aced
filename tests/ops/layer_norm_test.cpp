// layer_norm: the pattern for the test of an operation.
//   formula   the reference backward in double against differences: relative error below 1e-8
//   kernel    every ISA against the reference in double: widths around every vector size and those
//             of ViTs, misaligned, offsets of up to 1000 deviations (a one-pass variance fails)
//   operation shapes, errors, tape, bit-identical results for any number of threads
//   residual  the other path's gradient is added in passing, in place or not
//   memory    its output is computed again for those who would save it
// Not here: the values of PyTorch (golden_check), models.

#include "ops/layer_norm.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "core/error.hpp"
#include "ops/binary.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/layer_norm.hpp"
#include "ops/reference/layer_norm.hpp"
#include "ops/unary.hpp"
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
                                   rstd.data(), static_cast<const double*>(nullptr), dx.data(),
                                   dgamma.data(), dbeta.data());
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
                  mean.data(), rstd.data(), nullptr, dx.data() + shift, dgamma.data() + shift,
                  dbeta.data() + shift);
  // y as something to add to, from elsewhere and in place.
  auto elsewhere = dx;
  auto in_place = y;
  for (auto* to : {&elsewhere, &in_place}) {
    const float* sum = (to == &in_place ? in_place : y).data() + shift;
    kernel.backward(rows, width, dy.data() + shift, x.data() + shift, gamma.data() + shift,
                    mean.data(), rstd.data(), sum, to->data() + shift, nullptr, nullptr);
  }
  std::vector<double> with_sum(c.dx.size());
  for (size_t i = 0; i < with_sum.size(); ++i) with_sum[i] = c.dx[i] + c.y[i];
  const auto part = [&](const std::vector<float>& v, size_t n) {
    return std::span(v).subspan(static_cast<size_t>(shift), n);
  };
  // x - mean is wrong by up to |mean| / 2^24, and every result has that times rstd in it.
  const double rstd_max = *std::ranges::max_element(c.rstd);
  const double tolerance = 4e-6 * (1 + offset) * std::max(rstd_max, 1.0);
  CHECK(max_error(part(y, c.y.size()), c.y) < tolerance);
  CHECK(max_error(part(dx, c.dx.size()), c.dx) < tolerance);
  CHECK(max_error(part(elsewhere, c.dx.size()), with_sum) < 2 * tolerance);
  CHECK(elsewhere == in_place);
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

TEST_CASE("layer_norm: in a residual network its gradient is added to that of the other path",
          "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  // x + layer_norm(x), where `add` sends the same dy both ways, and 3 x + layer_norm(x).
  const float factor = GENERATE(1.0F, 3.0F);
  Tensor x = test::random_tensor({5, 19}, 1);
  Tensor gamma = test::random_tensor({19}, 2);
  const Tensor beta = test::random_tensor({19}, 3);
  const Tensor dy = test::random_tensor({5, 19}, 4);
  const auto gradient = [&](bool residual) {
    Tape tape;
    tape.watch(x);
    const Tensor y = layer_norm(x, gamma, beta, 1e-6F);
    const Tensor z = factor == 1 ? add(x, y) : add(mul(x, factor), y);
    const Tensor out = residual ? z : y;
    return tape.backward(std::span(&out, 1), std::span(&dy, 1)).of(x);
  };
  const auto alone = gradient(false);
  const auto both = gradient(true);
  for (size_t i = 0; i < both.values().size(); ++i) {
    CHECK(both.values()[i] == Approx(alone.values()[i] + factor * dy.values()[i]).margin(2e-6));
  }
  CHECK(test::same_bits(dy, test::random_tensor({5, 19}, 4)));  // nobody wrote into it
}

TEST_CASE("layer_norm: who saves its output keeps its argument instead", "[ops][memory]") {
  const Tensor dy = test::random_tensor({64, 96}, 4);
  Tensor x = test::random_tensor({64, 96}, 1);
  Tensor gamma = test::random_tensor({96}, 2);
  const Tensor beta = test::random_tensor({96}, 3);
  const auto run = [&](bool release) {
    Tape tape;
    tape.watch(x);
    tape.watch(gamma);
    Tensor y = layer_norm(x, gamma, beta, 1e-6F);
    const Tensor z = square(y);
    CHECK(y.unique());
    // square did not keep y, so what becomes of it changes nothing.
    if (release)
      y = Tensor();
    else
      std::ranges::fill(std::span(y.mutable_data(), 64 * 96), 7.0F);
    const Gradients g = tape.backward(std::span(&z, 1), std::span(&dy, 1));
    return std::vector{g.of(x), g.of(gamma)};
  };
  const auto one = run(true);
  const auto two = run(false);
  for (size_t i = 0; i < one.size(); ++i) CHECK(test::same_bits(one[i], two[i]));
  // Against a square of a tensor that is kept.
  Tape tape;
  Tensor y = layer_norm(x, gamma, beta, 1e-6F);
  tape.watch(y);
  const Tensor z = square(y);
  const Tensor dz = tape.backward(std::span(&z, 1), std::span(&dy, 1)).of(y);
  Tape again;
  again.watch(x);
  const Tensor plain = layer_norm(x, gamma, beta, 1e-6F);
  CHECK(test::same_bits(again.backward(std::span(&plain, 1), std::span(&dz, 1)).of(x), one[0]));
}

TEST_CASE("layer_norm: a chain of norms is computed again from what is kept", "[ops][gradient]") {
  const Tensor dy = test::random_tensor({7, 33}, 4);
  const auto norm = [](const Tensor& t) { return layer_norm(t, Tensor(), Tensor(), 1e-6F); };
  Tensor x = test::random_tensor({7, 33}, 1);
  Tape whole;
  whole.watch(x);
  Tensor y = x;
  for (int i = 0; i < 4; ++i) y = square(norm(norm(y)));
  const Tensor together = whole.backward(std::span(&y, 1), std::span(&dy, 1)).of(x);

  // The same, each step on a tape of its own.
  std::vector<Tensor> inputs = {x.detach()};
  for (int i = 0; i < 4; ++i) {
    inputs.push_back(norm(inputs.back()));
    inputs.push_back(norm(inputs.back()));
    inputs.push_back(square(inputs.back()));
  }
  Tensor gradient = dy;
  for (size_t i = inputs.size() - 1; i-- > 0;) {
    Tape tape;
    tape.watch(inputs[i]);
    const Tensor out = i % 3 == 2 ? square(inputs[i]) : norm(inputs[i]);
    gradient = tape.backward(std::span(&out, 1), std::span(&gradient, 1)).of(inputs[i]);
  }
  CHECK(test::same_bits(together, gradient));
}

TEST_CASE("layer_norm: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 197, 768});
  const Tensor good = Tensor::zeros({768});
  const Tensor bad = Tensor::zeros({512});
  CHECK_THROWS_WITH(layer_norm(x, bad, good, 1e-6F),
                    "[layer_norm] gamma must be (768) to match x (2, 197, 768), got (512)");
  CHECK_THROWS_AS(layer_norm(x, good, Tensor(), 1e-6F), ShapeError);
  CHECK_THROWS_AS(layer_norm(Tensor(), good, good, 1e-6F), ShapeError);
  CHECK_THROWS_AS(layer_norm(Tensor::scalar(1), Tensor(), Tensor(), 1e-6F), ShapeError);
  CHECK(layer_norm(Tensor::zeros({0, 4}), Tensor(), Tensor(), 1e-6F).numel() == 0);
}

}  // namespace
}  // namespace vitrine
