// cross_entropy with labels and with probabilities.
//   formula   the reference backward in double against differences: relative error below 1e-8
//   kernel    every ISA against the reference in double: class counts around every vector size,
//             misaligned, logits with an offset of 1000 (keeping log-sum-exp in float would fail),
//             no, little and full smoothing, an ignored row
//   operation reductions, ignored rows, one-hot probabilities against labels, tape, threads, errors
// Not here: the values of PyTorch (golden_check).

#include "ops/cross_entropy.hpp"

#include <catch2/catch.hpp>

#include <limits>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/cross_entropy.hpp"
#include "ops/reference/cross_entropy.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;

constexpr int32_t kIgnore = -100;

/// kernels::CrossEntropyTarget in double.
struct Target {
  const int32_t* labels;
  const double* probabilities;
  double smoothing;
  bool ignored(int64_t row) const { return labels != nullptr && labels[row] == kIgnore; }
};

/// Positive numbers, each row adding up to about `total`.
std::vector<double> distributions(int64_t rows, int64_t width, double total) {
  auto p = randoms<double>(rows * width, 3);
  for (double& v : p) {
    v = static_cast<double>(static_cast<float>(std::abs(v) * total / static_cast<double>(width)));
  }
  return p;
}

struct Case {
  int64_t rows = 3;
  int64_t width;
  std::vector<double> logits, probabilities, dloss;
  std::vector<int32_t> labels;
  std::vector<double> loss, max, sum, dlogits;
  Target target;

  Case(int64_t width_, bool with_labels, double smoothing, double offset = 0)
      : width(width_),
        logits(randoms<double>(rows * width, 1, 3.0, offset)),
        probabilities(distributions(rows, width, 1.3)),
        dloss(randoms<double>(rows, 2)),
        labels{static_cast<int32_t>(width - 1), kIgnore, static_cast<int32_t>(width / 2)},
        loss(3),
        max(3),
        sum(3),
        dlogits(logits.size()),
        target{with_labels ? labels.data() : nullptr, with_labels ? nullptr : probabilities.data(),
               smoothing} {
    reference::cross_entropy_forward(rows, width, logits.data(), target, loss.data(), max.data(),
                                     sum.data());
    reference::cross_entropy_backward(rows, width, dloss.data(), logits.data(), target, max.data(),
                                      sum.data(), dlogits.data());
  }
};

TEST_CASE("cross_entropy: the backward formula is the derivative of the forward formula",
          "[ops][gradient]") {
  const bool with_labels = GENERATE(true, false);
  const double smoothing = GENERATE(0.0, 0.1);
  const Case c(6, with_labels, smoothing);
  const auto value = [&](const std::vector<double>& x) {
    std::vector<double> loss(3);
    std::vector<double> max(3);
    std::vector<double> sum(3);
    reference::cross_entropy_forward(c.rows, c.width, x.data(), c.target, loss.data(), max.data(),
                                     sum.data());
    return dot(loss, c.dloss);
  };
  CHECK(max_error(c.dlogits, differences(value, c.logits)) < 1e-8);
}

TEST_CASE("cross_entropy: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = GENERATE(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100, 1000);
  const bool with_labels = GENERATE(true, false);
  const auto smoothing = static_cast<double>(GENERATE(0.0F, 0.1F, 1.0F));
  const double offset = GENERATE(0.0, 1000.0);
  const int64_t shift = width % 3;  // floats of misalignment
  const Case c(width, with_labels, smoothing, offset);
  INFO("width " << width << ", labels " << with_labels << ", smoothing " << smoothing << ", offset "
                << offset);
  const auto at = [&](const std::vector<double>& from) {
    std::vector<float> to(static_cast<size_t>(shift), 0.0F);
    to.insert(to.end(), from.begin(), from.end());
    return to;
  };
  const auto logits = at(c.logits);
  const auto probabilities = at(c.probabilities);
  const auto dloss = at(c.dloss);
  const kernels::CrossEntropyTarget target{c.target.labels,
                                           with_labels ? nullptr : probabilities.data() + shift,
                                           static_cast<float>(smoothing), kIgnore};
  std::vector<float> loss(4, 7.0F);
  std::vector<float> max(4, 7.0F);
  std::vector<float> sum(4, 7.0F);
  std::vector<float> dlogits(logits.size() + 1, 7.0F);
  const kernels::CrossEntropy& kernel = *kernels::active().cross_entropy;
  kernel.forward(c.rows, width, logits.data() + shift, target, loss.data(), max.data(), sum.data());
  kernel.backward(c.rows, width, dloss.data() + shift, logits.data() + shift, target, max.data(),
                  sum.data(), dlogits.data() + shift);
  // The reference adds up a row in one chain, whose rounding grows with its length.
  const double chain = active_isa() == Isa::kReference ? 1 + 0.02 * static_cast<double>(width) : 1;
  for (size_t r = 0; r < 3; ++r) {
    const double error = std::abs(static_cast<double>(loss[r]) - c.loss[r]);
    CHECK(error < chain * 3e-7 * (1 + c.loss[r]));
  }
  const auto got = std::span(dlogits).subspan(static_cast<size_t>(shift), c.dlogits.size());
  CHECK(max_error(got, c.dlogits) < chain * 6e-7);
  if (with_labels) {
    CHECK(loss[1] == 0.0F);  // the ignored row
    for (int64_t i = width; i < 2 * width; ++i) CHECK(got[static_cast<size_t>(i)] == 0.0F);
  }
  CHECK(loss.back() == 7.0F);
  CHECK(dlogits.back() == 7.0F);
}

TEST_CASE("cross_entropy: reductions count the rows that are not ignored", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor logits = test::random_tensor({4, 5}, 1);
  const std::vector<int32_t> labels{2, kIgnore, 0, 4};
  CrossEntropyOptions options;
  options.reduction = Reduction::kNone;
  const Tensor each = cross_entropy(logits, labels, options);
  REQUIRE(each.shape() == Shape{4});
  CHECK(each.data()[1] == 0.0F);
  const double total = static_cast<double>(each.data()[0]) + static_cast<double>(each.data()[2]) +
                       static_cast<double>(each.data()[3]);
  options.reduction = Reduction::kSum;
  CHECK(cross_entropy(logits, labels, options).item() == Approx(total));
  options.reduction = Reduction::kMean;
  CHECK(cross_entropy(logits, labels, options).item() == Approx(total / 3));

  // Nothing to average over.
  const std::vector<int32_t> none(4, kIgnore);
  CHECK(std::isnan(cross_entropy(logits, none).item()));
  options.reduction = Reduction::kSum;
  CHECK(cross_entropy(logits, none, options).item() == 0.0F);
  // A label of -100 is a class of its own nowhere else.
  options.ignore_index = 2;
  CHECK_THROWS_AS(cross_entropy(logits, labels, options), UsageError);
}

TEST_CASE("cross_entropy: a label is a one-hot distribution", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor logits = test::random_tensor({6, 11}, 1, 2.0);
  const std::vector<int32_t> labels{0, 3, 10, 7, 7, 1};
  Tensor one_hot = Tensor::zeros({6, 11});
  for (size_t r = 0; r < 6; ++r) {
    one_hot.mutable_data()[r * 11 + static_cast<size_t>(labels[r])] = 1.0F;
  }
  CrossEntropyOptions options;
  options.label_smoothing = GENERATE(0.0F, 0.1F, 1.0F);
  const auto run = [&](const auto& target) {
    Tensor x = logits.clone();
    Tape tape;
    tape.watch(x);
    const Tensor loss = cross_entropy(x, target, options);
    return std::vector{loss, tape.backward(loss).of(x)};
  };
  const auto a = run(labels);
  const auto b = run(one_hot);
  CHECK(a[0].item() == Approx(b[0].item()).epsilon(1e-6));
  CHECK(max_error(a[1].values(), b[1].values()) < 1e-7);
}

TEST_CASE("cross_entropy: probabilities have a gradient too", "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  CrossEntropyOptions options;
  options.label_smoothing = 0.25F;
  options.reduction = GENERATE(Reduction::kMean, Reduction::kSum);
  const Tensor logits = test::random_tensor({3, 5}, 1);
  Tensor target = test::random_tensor({3, 5}, 2);
  Tape tape;
  tape.watch(target);
  const Tensor loss = cross_entropy(logits, target, options);
  const Tensor got = tape.backward(loss).of(target);
  const auto x = test::to_double(logits.values());
  const auto value = [&](const std::vector<double>& p) {
    std::vector<double> losses(3);
    std::vector<double> max(3);
    std::vector<double> sum(3);
    const Target t{nullptr, p.data(), 0.25};
    reference::cross_entropy_forward(3, 5, x.data(), t, losses.data(), max.data(), sum.data());
    const double total = losses[0] + losses[1] + losses[2];
    return options.reduction == Reduction::kMean ? total / 3 : total;
  };
  CHECK(max_error(got.values(), differences(value, test::to_double(target.values()))) < 1e-6);
}

TEST_CASE("cross_entropy: tape and the number of threads", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x0 = test::random_tensor({97, 1000}, 1);
  std::vector<int32_t> labels(97);
  for (size_t r = 0; r < labels.size(); ++r) labels[r] = static_cast<int32_t>(r * 7 % 1000);
  CrossEntropyOptions options;
  options.label_smoothing = 0.1F;
  options.reduction = GENERATE(Reduction::kMean, Reduction::kSum, Reduction::kNone);
  const bool none = options.reduction == Reduction::kNone;
  const Tensor dy = test::random_tensor(none ? Shape{97} : Shape{}, 2);
  test::same_on_any_threads([&] {
    Tensor x = x0.clone();
    Tape tape;
    tape.watch(x);
    const Tensor loss = cross_entropy(x, labels, options);
    const Gradients g = tape.backward(std::span(&loss, 1), std::span(&dy, 1));
    return std::vector{loss, g.of(x)};
  });
}

TEST_CASE("cross_entropy: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor logits = Tensor::zeros({3, 10});
  const std::vector<int32_t> labels{1, 10, 2};
  CHECK_THROWS_WITH(cross_entropy(logits, labels),
                    "[cross_entropy] the label of row 1 must be in [0, 10), got 10");
  CHECK_THROWS_WITH(cross_entropy(logits, std::vector<int32_t>{1, 2}),
                    "[cross_entropy] logits (3, 10) want 3 labels, got 2");
  CHECK_THROWS_WITH(cross_entropy(Tensor::zeros({10}), labels),
                    "[cross_entropy] logits must be (B, C), got (10)");
  CHECK_THROWS_AS(cross_entropy(logits, std::vector<int32_t>{1, -1, 2}), UsageError);
  CHECK_THROWS_AS(cross_entropy(Tensor(), labels), ShapeError);
  CHECK_THROWS_AS(cross_entropy(logits, Tensor::zeros({3, 9})), ShapeError);
  CHECK_THROWS_AS(cross_entropy(logits, Tensor()), ShapeError);
  CrossEntropyOptions options;
  options.label_smoothing = 1.5F;
  CHECK_THROWS_AS(cross_entropy(logits, logits, options), UsageError);
  options.label_smoothing = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(cross_entropy(logits, logits, options), UsageError);
  CHECK(std::isnan(cross_entropy(Tensor::zeros({0, 4}), std::vector<int32_t>{}).item()));
}

}  // namespace
}  // namespace vitrine
