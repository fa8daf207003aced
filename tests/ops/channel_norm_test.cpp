// batch_norm, group_norm, and the kernels that they share.
//   formula   loops over the definitions in double, and differences as gradients, against the
//             operations on every ISA; with and without gamma, beta and ReLU; offsets of 1000
//             deviations (a one-pass variance fails)
//   kernel    every ISA against the reference in double: widths around every vector size,
//   misaligned operation running statistics, evaluation, folding, bit-identical results for any
//   number of
//             threads, errors
// Not here: the values of PyTorch (golden_check).

#include <catch2/catch.hpp>
#include <cmath>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "ops/batch_norm.hpp"
#include "ops/binary.hpp"
#include "ops/conv2d.hpp"
#include "ops/group_norm.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/channel_norm.hpp"
#include "ops/reference/channel_norm.hpp"
#include "ops/unary.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;
using test::same_bits;

using Values = std::vector<double>;

constexpr float kEps = 1e-5F;

Tensor tensor(const Values& values, const Shape& shape) {
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

/// A normalisation of (outer, rows, channels) over rows and the channels of a group.
struct Case {
  int64_t outer, rows, channels, groups;
  bool affine = true;
  bool relu = false;
  double offset = 0;

  Values x() const { return randoms<double>(outer * rows * channels, 1, 1.0, offset); }
  Values gamma() const { return randoms<double>(channels, 2); }
  Values beta() const { return randoms<double>(channels, 3); }
  Values dy() const { return randoms<double>(outer * rows * channels, 4); }
  Shape shape() const { return {outer, rows, channels}; }
  /// Index in x of the r-th row, c-th channel of a group.
  size_t index(int64_t o, int64_t g, int64_t r, int64_t c) const {
    return static_cast<size_t>((o * rows + r) * channels + g * (channels / groups) + c);
  }
};

/// Calls f(index in x, channel) for the numbers of a group.
template <class F>
void for_group(const Case& c, int64_t o, int64_t g, const F& f) {
  const int64_t width = c.channels / c.groups;
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t k = 0; k < width; ++k) f(c.index(o, g, r, k), static_cast<size_t>(g * width + k));
  }
}

struct Moments {
  double rstd;  // 1 / sqrt(var + eps)
  double mean;
};

/// Those of a group.
Moments moments(const Case& c, const Values& x, int64_t o, int64_t g) {
  const int64_t width = c.channels / c.groups;
  const double n = static_cast<double>(c.rows * width);
  double mean = 0;
  for_group(c, o, g, [&](size_t i, size_t) { mean += x[i] / n; });
  double var = 0;
  for_group(c, o, g, [&](size_t i, size_t) { var += (x[i] - mean) * (x[i] - mean) / n; });
  return {1 / std::sqrt(var + static_cast<double>(kEps)), mean};
}

Values normalize(const Case& c, const Values& x, const Values& gamma, const Values& beta) {
  Values y(x.size());
  for (int64_t o = 0; o < c.outer; ++o) {
    for (int64_t g = 0; g < c.groups; ++g) {
      const Moments m = moments(c, x, o, g);
      for_group(c, o, g, [&](size_t i, size_t k) {
        const double v =
            (x[i] - m.mean) * m.rstd * (c.affine ? gamma[k] : 1) + (c.affine ? beta[k] : 0);
        y[i] = c.relu && v < 0 ? 0 : v;
      });
    }
  }
  return y;
}

/// The largest 1 / deviation of a group: what every error is multiplied by.
double largest_rstd(const Case& c, const Values& x) {
  double largest = 1;
  for (int64_t i = 0; i < c.outer * c.groups; ++i) {
    largest = std::max(largest, moments(c, x, i / c.groups, i % c.groups).rstd);
  }
  return largest;
}

/// y and the gradients of x, gamma and beta (those not affine are empty).
template <class F>
std::vector<Tensor> run(const Case& c, const F& f) {
  Tensor x = tensor(c.x(), c.shape());
  Tensor gamma = c.affine ? tensor(c.gamma(), {c.channels}) : Tensor();
  Tensor beta = c.affine ? tensor(c.beta(), {c.channels}) : Tensor();
  const Tensor dy = tensor(c.dy(), c.shape());
  Tape tape;
  tape.watch(x);
  if (c.affine) {
    tape.watch(gamma);
    tape.watch(beta);
  }
  const Tensor y = f(x, gamma, beta);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
  if (!c.affine) return {y, g.of(x)};
  return {y, g.of(x), g.of(gamma), g.of(beta)};
}

/// y and gradients against the definition and its differences.
void check_formula(const Case& c, const std::vector<Tensor>& got) {
  const Values x = c.x();
  const Values gamma = c.gamma();
  const Values beta = c.beta();
  const Values dy = c.dy();
  // x - mean is wrong by up to |mean| / 2^24.
  const double tolerance = 2e-6 * (1 + std::abs(c.offset)) * largest_rstd(c, x);
  CHECK(max_error(got[0].values(), normalize(c, x, gamma, beta)) < tolerance);
  const auto check = [&](const Tensor& gradient, const Values& at, const auto& value) {
    CHECK(max_error(gradient.values(), differences(value, at, 1e-4)) < tolerance);
  };
  check(got[1], x, [&](const Values& v) { return dot(normalize(c, v, gamma, beta), dy); });
  if (!c.affine) return;
  check(got[2], gamma, [&](const Values& v) { return dot(normalize(c, x, v, beta), dy); });
  check(got[3], beta, [&](const Values& v) { return dot(normalize(c, x, gamma, v), dy); });
}

TEST_CASE("group_norm: values and gradients are those of the formula", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Case c = GENERATE(Case{2, 5, 6, 2}, Case{1, 7, 5, 5}, Case{3, 1, 8, 4}, Case{2, 3, 12, 1},
                          Case{1, 6, 35, 5, false}, Case{2, 5, 18, 3, true, true},
                          Case{2, 7, 4, 2, true, false, 1000.0});
  const auto got = run(c, [&](const Tensor& x, const Tensor& gamma, const Tensor& beta) {
    return group_norm(x, c.groups, gamma, beta, kEps, c.relu);
  });
  check_formula(c, got);
}

TEST_CASE("batch_norm: values and gradients are those of the formula", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Case c = GENERATE(Case{1, 9, 5, 5}, Case{1, 2, 3, 3}, Case{1, 12, 17, 17, false},
                          Case{1, 11, 9, 9, true, true}, Case{1, 15, 4, 4, true, false, 1000.0});
  const auto got = run(c, [&](const Tensor& x, const Tensor& gamma, const Tensor& beta) {
    Tensor none;
    return batch_norm(x, gamma, beta, none, none, {.training = true, .eps = kEps, .relu = c.relu});
  });
  check_formula(c, got);
}

TEST_CASE("batch_norm: evaluation uses the running statistics and leaves them", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const bool relu = GENERATE(false, true);
  const Case c{1, 9, 21, 21, true, relu};
  const Values means = randoms<double>(21, 5);
  Values vars = randoms<double>(21, 6);
  for (double& v : vars) v = v * v + 0.1;
  Tensor mean = tensor(means, {21});
  Tensor var = tensor(vars, {21});
  const BatchNormOptions options{.eps = kEps, .relu = relu};
  const auto got = run(c, [&](const Tensor& x, const Tensor& gamma, const Tensor& beta) {
    return batch_norm(x, gamma, beta, mean, var, options);
  });
  CHECK(max_error(mean.values(), means) < 1e-7);
  const auto evaluate = [&](const Values& x, const Values& gamma, const Values& beta) {
    Values y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t k = i % 21;
      const double v =
          (x[i] - means[k]) / std::sqrt(vars[k] + static_cast<double>(kEps)) * gamma[k] + beta[k];
      y[i] = relu && v < 0 ? 0 : v;
    }
    return y;
  };
  const Values x = c.x();
  const Values gamma = c.gamma();
  const Values beta = c.beta();
  const Values dy = c.dy();
  CHECK(max_error(got[0].values(), evaluate(x, gamma, beta)) < 4e-6);
  const auto dx =
      differences([&](const Values& v) { return dot(evaluate(v, gamma, beta), dy); }, x);
  const auto dgamma =
      differences([&](const Values& v) { return dot(evaluate(x, v, beta), dy); }, gamma);
  const auto dbeta =
      differences([&](const Values& v) { return dot(evaluate(x, gamma, v), dy); }, beta);
  CHECK(max_error(got[1].values(), dx) < 4e-6);
  CHECK(max_error(got[2].values(), dgamma) < 4e-6);
  CHECK(max_error(got[3].values(), dbeta) < 4e-6);
}

TEST_CASE("batch_norm: training moves the running statistics", "[ops]") {
  // Mean 4, unbiased variance 4; momentum 1/4.
  const Tensor x = Tensor::from(std::vector{2.0F, 4.0F, 6.0F}, {3, 1});
  Tensor mean = Tensor::full({1}, 8.0F);
  Tensor var = Tensor::full({1}, 12.0F);
  batch_norm(x, Tensor(), Tensor(), mean, var, {.training = true, .momentum = 0.25F});
  CHECK(mean.item() == 7.0F);
  CHECK(var.item() == 10.0F);
}

TEST_CASE("fold_batch_norm: the folded convolution is convolution and norm", "[ops]") {
  const Tensor x = test::random_tensor({2, 5, 6, 3}, 1);
  const Tensor weight = test::random_tensor({7, 3, 3, 3}, 2);
  const Tensor bias = GENERATE(false, true) ? test::random_tensor({7}, 3) : Tensor();
  const bool affine = GENERATE(false, true);
  const Tensor gamma = affine ? test::random_tensor({7}, 4) : Tensor();
  const Tensor beta = affine ? test::random_tensor({7}, 5) : Tensor();
  Tensor mean = test::random_tensor({7}, 6);
  Tensor var = Tensor::full({7}, 0.5F);
  const Tensor want = batch_norm(conv2d(x, weight, bias), gamma, beta, mean, var, {.eps = kEps});
  const FoldedBatchNorm folded = fold_batch_norm(weight, bias, gamma, beta, mean, var, kEps);
  CHECK(max_error(conv2d(x, folded.weight, folded.bias).values(), want.values()) < 2e-6);
}

TEST_CASE("channel_norm: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = GENERATE(1, 3, 4, 5, 8, 9, 15, 16, 17, 33, 64, 67, 130);
  const int64_t shift = GENERATE(0, 1, 3);  // floats of misalignment
  const bool masked = GENERATE(false, true);
  const int64_t rows = 5;
  CAPTURE(width, shift, masked);
  const auto random = [&](int64_t n, uint64_t stream) { return randoms<double>(n, stream); };
  const Values dy = random(rows * width, 1);
  const Values x = random(rows * width, 2);
  const Values y = random(rows * width, 3);
  const Values mean = random(width, 4);
  const Values a = random(width, 5);
  const Values b = random(width, 6);
  const Values c = random(width, 7);
  Values want_y(x.size());
  Values want_dx(x.size());
  Values want_sum(mean.size());
  Values want_product(mean.size());
  const double* y_double = masked ? y.data() : nullptr;
  reference::channel_norm_forward(rows, width, x.data(), mean.data(), a.data(), b.data(),
                                  masked ? dy.data() : nullptr, masked, want_y.data());
  reference::channel_norm_sums(rows, width, dy.data(), x.data(), y_double, mean.data(),
                               want_sum.data(), want_product.data());
  reference::channel_norm_backward(rows, width, dy.data(), x.data(), y_double, mean.data(),
                                   a.data(), b.data(), c.data(), want_dx.data());

  const auto shifted = [&](const Values& from) {
    std::vector<float> to(static_cast<size_t>(shift), 0.0F);
    to.insert(to.end(), from.begin(), from.end());
    to.push_back(7.0F);
    return to;
  };
  const auto xf = shifted(x);
  const auto dyf = shifted(dy);
  const auto yf = shifted(y);
  const auto meanf = shifted(mean);
  const auto af = shifted(a);
  const auto bf = shifted(b);
  const auto cf = shifted(c);
  auto got_y = xf;
  auto got_dx = xf;
  auto got_sum = meanf;
  auto got_product = meanf;
  const auto at = [&](auto& v) { return v.data() + shift; };
  const float* y_float = masked ? at(yf) : nullptr;
  const kernels::ChannelNorm& kernel = *kernels::active().channel_norm;
  kernel.forward(rows, width, at(xf), at(meanf), at(af), at(bf), masked ? at(dyf) : nullptr, masked,
                 at(got_y));
  kernel.sums(rows, width, at(dyf), at(xf), y_float, at(meanf), at(got_sum), at(got_product));
  kernel.backward(rows, width, at(dyf), at(xf), y_float, at(meanf), at(af), at(bf), at(cf),
                  at(got_dx));
  const auto check = [&](const std::vector<float>& got, const Values& want) {
    CHECK(max_error(std::span(got).subspan(static_cast<size_t>(shift), want.size()), want) < 1e-6);
    CHECK(got.back() == 7.0F);
  };
  check(got_y, want_y);
  check(got_dx, want_dx);
  check(got_sum, want_sum);
  check(got_product, want_product);
}

TEST_CASE("batch_norm and group_norm: the number of threads changes no bit", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const auto all = [](int n) {
    set_threads(n);
    const auto group = run({3, 700, 48, 4, true, true},
                           [](const Tensor& x, const Tensor& gamma, const Tensor& beta) {
                             return group_norm(x, 4, gamma, beta, kEps, true);
                           });
    auto batch =
        run({1, 5000, 48, 48}, [](const Tensor& x, const Tensor& gamma, const Tensor& beta) {
          Tensor none;
          return batch_norm(x, gamma, beta, none, none, {.training = true});
        });
    set_threads(0);
    batch.insert(batch.end(), group.begin(), group.end());
    return batch;
  };
  const auto one = all(1);
  for (const int n : {2, 3, 4}) {
    const auto many = all(n);
    for (size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], many[i]));
  }
}

TEST_CASE("batch_norm and group_norm: a residual is added before the ReLU", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const bool relu_last = GENERATE(false, true);
  const bool batch = GENERATE(false, true);
  const Tensor dy = test::random_tensor({2, 5, 6}, 9);
  Tensor none;
  const auto norm = [&](const Tensor& x, const Tensor& gamma, const Tensor& beta, bool has_relu,
                        const Tensor& residual) {
    if (!batch) return group_norm(x, 2, gamma, beta, kEps, has_relu, residual);
    return batch_norm(x, gamma, beta, none, none, {.training = true, .relu = has_relu}, residual);
  };
  const auto all = [&](bool fused) {
    Tensor x = test::random_tensor({2, 5, 6}, 1);
    Tensor gamma = test::random_tensor({6}, 2);
    Tensor beta = test::random_tensor({6}, 3);
    Tensor residual = test::random_tensor({2, 5, 6}, 4);
    Tape tape;
    for (Tensor* t : {&x, &gamma, &beta, &residual}) tape.watch(*t);
    Tensor y;
    if (fused) {
      y = norm(x, gamma, beta, relu_last, residual);
    } else {
      y = add(norm(x, gamma, beta, false, Tensor()), residual);
      if (relu_last) y = relu(y);
    }
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(x), g.of(gamma), g.of(beta), g.of(residual)};
  };
  const auto got = all(true);
  const auto want = all(false);
  for (size_t i = 0; i < got.size(); ++i) {
    CHECK(max_error(got[i].values(), want[i].values()) < 1e-6);
  }
}

TEST_CASE("group_norm: images without pixels have gradients of 0", "[ops]") {
  Tensor x = Tensor::zeros({2, 0, 6});
  Tensor gamma = Tensor::full({6}, 1.0F);
  Tape tape;
  tape.watch(x);
  tape.watch(gamma);
  const Tensor y = group_norm(x, 2, gamma, Tensor(), kEps);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&y, 1));
  CHECK(g.of(x).shape() == x.shape());
  for (const float v : g.of(gamma).values()) CHECK(v == 0);
}

TEST_CASE("batch_norm and group_norm: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 5, 6});
  const Tensor good = Tensor::zeros({6});
  const Tensor bad = Tensor::zeros({5});
  Tensor none;
  Tensor mean = Tensor::zeros({6});
  Tensor var = Tensor::full({6}, 1.0F);
  Tensor wrong = Tensor::zeros({5});
  CHECK_THROWS_WITH(group_norm(x, 4, good, good, kEps),
                    "[group_norm] 4 groups must divide the channels of x (2, 5, 6)");
  CHECK_THROWS_WITH(group_norm(x, 2, bad, good, kEps),
                    "[group_norm] gamma must be (6) to match x (2, 5, 6), got (5)");
  CHECK_THROWS_AS(group_norm(x, 2, good, good, kEps, true, Tensor::zeros({2, 5, 5})), ShapeError);
  CHECK_THROWS_AS(group_norm(x, 0, good, good, kEps), ShapeError);
  CHECK_THROWS_AS(group_norm(x, -1, good, good, kEps), ShapeError);
  CHECK_THROWS_AS(group_norm(Tensor(), 1, good, good, kEps), ShapeError);
  CHECK_THROWS_AS(group_norm(good, 1, Tensor(), Tensor(), kEps), ShapeError);
  CHECK(group_norm(Tensor::zeros({0, 5, 6}), 2, good, good, kEps).numel() == 0);
  CHECK_THROWS_AS(batch_norm(x, bad, good, mean, var), ShapeError);
  CHECK_THROWS_AS(batch_norm(x, good, bad, mean, var), ShapeError);
  CHECK_THROWS_AS(batch_norm(x, good, good, wrong, var), ShapeError);
  CHECK_THROWS_AS(batch_norm(x, good, good, none, none), ShapeError);
  CHECK_THROWS_AS(batch_norm(x, good, good, mean, none, {.training = true}), ShapeError);
  CHECK_THROWS_WITH(
      batch_norm(Tensor::zeros({1, 6}), good, good, mean, var, {.training = true}),
      Catch::Contains("[batch_norm] training needs more than one number per channel"));
  CHECK_THROWS_AS(fold_batch_norm(Tensor::zeros({6, 2}), bad, none, none, mean, var, kEps),
                  ShapeError);
  CHECK_THROWS_AS(fold_batch_norm(Tensor::zeros({5, 2}), none, none, none, mean, var, kEps),
                  ShapeError);
}

}  // namespace
}  // namespace vitrine
