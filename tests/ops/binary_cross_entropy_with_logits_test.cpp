// binary_cross_entropy_with_logits with labels and with probabilities.
//   formula   the reference backward in double against differences: relative error below 1e-8
//   kernel    every ISA against the reference in double: class counts around every vector size,
//             misaligned, logits of up to 60 (where the textbook's differences would lose
//             everything), no, little and full smoothing, an ignored row, every label in turn
//   operation reductions, sum or mean over classes, tape, threads, errors; timm's numbers

#include "ops/binary_cross_entropy_with_logits.hpp"

#include <catch2/catch.hpp>

#include <cmath>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/binary_cross_entropy_with_logits.hpp"
#include "ops/reference/binary_cross_entropy_with_logits.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"
#include "tests/skipped.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;

constexpr int32_t kIgnore = -100;
constexpr int64_t kRows = 3;

/// kernels::CrossEntropyTarget in double.
struct Target {
  const int32_t* labels;
  const double* probabilities;
  double smoothing;
  bool ignored(int64_t row) const { return labels != nullptr && labels[row] == kIgnore; }
};

/// Numbers in [0, 1], some of them exactly 0 and 1.
std::vector<double> shares(int64_t n) {
  auto p = randoms<double>(n, 3);
  for (double& v : p) v = std::clamp(static_cast<double>(static_cast<float>(v + 0.5)), 0.0, 1.0);
  return p;
}

TEST_CASE(
    "binary_cross_entropy_with_logits: the backward formula is the derivative of the forward "
    "formula",
    "[ops][gradient]") {
  const bool with_labels = GENERATE(true, false);
  const double smoothing = GENERATE(0.0, 0.1);
  const int64_t width = 6;
  const std::vector<int32_t> labels{5, kIgnore, 3};
  const auto probabilities = shares(kRows * width);
  const Target target{with_labels ? labels.data() : nullptr,
                      with_labels ? nullptr : probabilities.data(), smoothing};
  const auto logits = randoms<double>(kRows * width, 1, 3.0);
  const auto dloss = randoms<double>(kRows, 2);
  std::vector<double> dlogits(logits.size());
  reference::binary_cross_entropy_with_logits_backward(kRows, width, dloss.data(), logits.data(),
                                                       target, dlogits.data());
  const auto value = [&](const std::vector<double>& x) {
    std::vector<double> loss(kRows);
    reference::binary_cross_entropy_with_logits_forward(kRows, width, x.data(), target,
                                                        loss.data());
    return dot(loss, dloss);
  };
  CHECK(max_error(dlogits, differences(value, logits)) < 1e-8);
}

TEST_CASE("binary_cross_entropy_with_logits: kernels agree with the reference on every ISA",
          "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = GENERATE(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100, 1000);
  const bool with_labels = GENERATE(true, false);
  const auto smoothing = static_cast<double>(GENERATE(0.0F, 0.1F, 1.0F));
  const double size = GENERATE(1.0, 20.0);
  const int64_t shift = width % 3;  // floats of misalignment
  INFO("width " << width << ", labels " << with_labels << ", smoothing " << smoothing << ", size "
                << size);
  std::vector<int32_t> labels{static_cast<int32_t>(width - 1), kIgnore,
                              static_cast<int32_t>(width / 2)};
  const auto logits = randoms<double>(kRows * width, 1, size);
  const auto probabilities = shares(kRows * width);
  const auto dloss = randoms<double>(kRows, 2);
  const Target want_target{with_labels ? labels.data() : nullptr,
                           with_labels ? nullptr : probabilities.data(), smoothing};
  std::vector<double> want_loss(kRows);
  std::vector<double> want_dlogits(logits.size());
  reference::binary_cross_entropy_with_logits_forward(kRows, width, logits.data(), want_target,
                                                      want_loss.data());
  reference::binary_cross_entropy_with_logits_backward(kRows, width, dloss.data(), logits.data(),
                                                       want_target, want_dlogits.data());
  const auto at = [&](const std::vector<double>& from) {
    std::vector<float> to(static_cast<size_t>(shift), 0.0F);
    to.insert(to.end(), from.begin(), from.end());
    return to;
  };
  const auto x = at(logits);
  const auto p = at(probabilities);
  const auto d = at(dloss);
  const kernels::CrossEntropyTarget target{want_target.labels,
                                           with_labels ? nullptr : p.data() + shift,
                                           static_cast<float>(smoothing), kIgnore};
  std::vector<float> loss(kRows + 1, 7.0F);
  std::vector<float> dlogits(x.size() + 1, 7.0F);
  const auto& kernel = *kernels::active().binary_cross_entropy_with_logits;
  kernel.forward(kRows, width, x.data() + shift, target, loss.data());
  kernel.backward(kRows, width, d.data() + shift, x.data() + shift, target, dlogits.data() + shift);

  // The textbook loses what the logit has beyond its result, and adds up a row in one chain.
  const bool textbook = active_isa() == Isa::kReference;
  for (size_t r = 0; r < kRows; ++r) {
    const double allowed =
        textbook ? 1e-6 * (want_loss[r] + size) * (1 + 0.02 * static_cast<double>(width))
                 : 4e-7 * (want_loss[r] + 1e-6);
    CHECK(std::abs(static_cast<double>(loss[r]) - want_loss[r]) <= allowed);
  }
  CHECK(loss[kRows] == 7.0F);
  for (size_t i = 0; i < want_dlogits.size(); ++i) {
    const double got = static_cast<double>(dlogits[i + static_cast<size_t>(shift)]);
    REQUIRE(std::abs(got - want_dlogits[i]) <=
            4e-7 * std::abs(dloss[i / static_cast<size_t>(width)]));
  }
  CHECK(dlogits.back() == 7.0F);
  if (with_labels) CHECK(loss[1] == 0.0F);
}

TEST_CASE("binary_cross_entropy_with_logits: precise where the network is right and sure",
          "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  if (active_isa() == Isa::kReference) return test::say_skipped("the textbook is not precise");
  const std::vector<int32_t> label{0};
  for (float v = -80; v < 80; v += 0.37F) {
    Tensor x = Tensor::full({1, 1}, v);
    Tape tape;
    tape.watch(x);
    const Tensor loss = binary_cross_entropy_with_logits(x, label);
    const double e = std::exp(-static_cast<double>(v));
    CHECK(loss.item() == Approx(std::log1p(e)).epsilon(4e-7).margin(1e-37));
    CHECK(tape.backward(loss).of(x).item() == Approx(-e / (1 + e)).epsilon(5e-7).margin(1e-37));
  }
}

TEST_CASE("binary_cross_entropy_with_logits: every label is the one-hot target", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = 19;
  BinaryCrossEntropyOptions options;
  options.label_smoothing = GENERATE(0.0F, 0.1F);
  options.sum_classes = GENERATE(true, false);
  std::vector<int32_t> labels(static_cast<size_t>(width));
  Tensor one_hot = Tensor::zeros({width, width});
  for (size_t r = 0; r < labels.size(); ++r) {
    labels[r] = static_cast<int32_t>(r);
    one_hot.mutable_data()[r * labels.size() + r] = 1.0F;
  }
  const Tensor logits = test::random_tensor({width, width}, 1, 2.0);
  const auto run = [&](const auto& target) {
    Tensor x = logits.clone();
    Tape tape;
    tape.watch(x);
    const Tensor loss = binary_cross_entropy_with_logits(x, target, options);
    return std::vector{loss, tape.backward(loss).of(x)};
  };
  const auto a = run(labels);
  const auto b = run(one_hot);
  CHECK(a[0].item() == Approx(b[0].item()).epsilon(1e-6));
  CHECK(max_error(a[1].values(), b[1].values()) < 1e-6);
}

TEST_CASE("binary_cross_entropy_with_logits: timm's BinaryCrossEntropy", "[ops]") {
  // timm 1.0.29, smoothing 0.1, on logits sin(0), sin(1), ... and labels 1, 3, 0.
  const ScopedIsa isa(test::each_isa());
  Tensor logits = Tensor::empty({3, 4});
  for (int i = 0; i < 12; ++i)
    logits.mutable_data()[i] = static_cast<float>(std::sin(double{static_cast<float>(i)}));
  BinaryCrossEntropyOptions options;
  options.label_smoothing = 0.1F;
  const std::vector<int32_t> labels{1, 3, 0};
  CHECK(binary_cross_entropy_with_logits(logits, labels, options).item() ==
        Approx(0.5834512180690735));
  options.sum_classes = true;
  CHECK(binary_cross_entropy_with_logits(logits, labels, options).item() ==
        Approx(2.333804872276294));
}

TEST_CASE("binary_cross_entropy_with_logits: probabilities have a gradient too",
          "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  BinaryCrossEntropyOptions options;
  options.label_smoothing = 0.25F;
  options.sum_classes = GENERATE(true, false);
  options.reduction = GENERATE(Reduction::kMean, Reduction::kSum);
  const Tensor logits = test::random_tensor({3, 5}, 1);
  Tensor target = test::random_tensor({3, 5}, 2);
  Tape tape;
  tape.watch(target);
  const Tensor got =
      tape.backward(binary_cross_entropy_with_logits(logits, target, options)).of(target);
  const auto x = test::to_double(logits.values());
  const auto value = [&](const std::vector<double>& p) {
    std::vector<double> losses(3);
    const Target t{nullptr, p.data(), 0.25};
    reference::binary_cross_entropy_with_logits_forward(3, 5, x.data(), t, losses.data());
    const double total = (losses[0] + losses[1] + losses[2]) / (options.sum_classes ? 1 : 5);
    return options.reduction == Reduction::kMean ? total / 3 : total;
  };
  CHECK(max_error(got.values(), differences(value, test::to_double(target.values()))) < 1e-6);
}

TEST_CASE("binary_cross_entropy_with_logits: tape and the number of threads", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x0 = test::random_tensor({97, 1000}, 1);
  std::vector<int32_t> labels(97);
  for (size_t r = 0; r < labels.size(); ++r) labels[r] = static_cast<int32_t>(r * 7 % 1000);
  labels[5] = kIgnore;
  BinaryCrossEntropyOptions options;
  options.label_smoothing = 0.1F;
  options.reduction = GENERATE(Reduction::kMean, Reduction::kSum, Reduction::kNone);
  const bool none = options.reduction == Reduction::kNone;
  const Tensor dy = test::random_tensor(none ? Shape{97} : Shape{}, 2);
  const auto one = test::same_on_any_threads([&] {
    Tensor x = x0.clone();
    Tape tape;
    tape.watch(x);
    const Tensor loss = binary_cross_entropy_with_logits(x, labels, options);
    const Gradients g = tape.backward(std::span(&loss, 1), std::span(&dy, 1));
    return std::vector{loss, g.of(x)};
  });
  if (none) CHECK(one[0].data()[5] == 0.0F);
}

TEST_CASE("binary_cross_entropy_with_logits: arguments that do not fit are refused",
          "[ops][errors]") {
  const Tensor logits = Tensor::zeros({3, 10});
  CHECK_THROWS_WITH(
      binary_cross_entropy_with_logits(logits, std::vector<int32_t>{1, 10, 2}),
      "[binary_cross_entropy_with_logits] the label of row 1 must be in [0, 10), got 10");
  CHECK_THROWS_AS(binary_cross_entropy_with_logits(logits, std::vector<int32_t>{1}), ShapeError);
  CHECK_THROWS_AS(binary_cross_entropy_with_logits(logits, Tensor::zeros({3, 9})), ShapeError);
  CHECK_THROWS_AS(binary_cross_entropy_with_logits(Tensor(), logits), ShapeError);
  BinaryCrossEntropyOptions options;
  options.label_smoothing = 1.5F;
  CHECK_THROWS_AS(binary_cross_entropy_with_logits(logits, logits, options), UsageError);
}

}  // namespace
}  // namespace vitrine
