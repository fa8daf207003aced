// Learning from a teacher: the loss, and training by it (teachers: teacher_test).
//   formula   the gradient of both kinds in double against differences: relative error below 1e-8
//   loss      values and gradients of PyTorch 2.13 in double (DeiT's DistillationLoss, three rows
//   of
//             four classes, label smoothing 0.1); 1e-6: a few roundings of numbers around 1
//   training  which head learns what, threads, memory
// Not here: a whole run, its checkpoint and its teacher's file (tests/program).

#include "models/training/distillation.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "models/networks/vit.hpp"
#include "models/training/teacher.hpp"
#include "models/training/training.hpp"
#include "models/weights/checkpoint.hpp"
#include "ops/binary.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/interpolate.hpp"
#include "ops/softmax.hpp"
#include "tests/any_threads.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

constexpr int64_t kRows = 3;
constexpr int64_t kClasses = 4;
using Logits = std::vector<double>;  // (kRows, kClasses)

const Logits student_logits = {1.5,  0.25, -0.5,  2.25, -1.0,  0.75,
                               1.25, 0.5,  0.375, 2.5,  -1.75, -0.25};
const Logits teacher_logits = {2.0, -0.5, 1.0, 0.75, -1.5, 3.25, 0.25, 1.0, 0.0, 1.75, -2.5, 2.0};

Tensor tensor(const Logits& values) {
  const std::vector<float> floats(values.begin(), values.end());
  return Tensor::from(floats, {kRows, kClasses});
}

/// log softmax(row / t).
std::array<double, kClasses> log_probabilities(const Logits& logits, int64_t row, double t) {
  std::array<double, kClasses> result{};
  double sum = 0;
  for (size_t c = 0; c < result.size(); ++c) {
    result[c] = logits[static_cast<size_t>(row * kClasses) + c] / t;
    sum += std::exp(result[c]);
  }
  for (double& v : result) v -= std::log(sum);
  return result;
}

size_t best_of(const std::array<double, kClasses>& row) {
  return static_cast<size_t>(std::ranges::max_element(row) - row.begin());
}

/// The formulas of the header in double, and their gradient.
double loss_of(const Distillation& d, const Logits& logits, Logits* gradient = nullptr) {
  const bool hard = d.kind == DistillationKind::kHard;
  const double t = hard ? 1 : d.tau;
  double loss = 0;
  for (int64_t row = 0; row < kRows; ++row) {
    const auto log_p = log_probabilities(teacher_logits, row, t);
    const auto log_q = log_probabilities(logits, row, t);
    if (hard) loss -= log_q[best_of(log_p)] / kRows;
    for (size_t c = 0; c < log_p.size(); ++c) {
      const double p = hard ? (c == best_of(log_p) ? 1 : 0) : std::exp(log_p[c]);
      if (!hard) loss += t * t / (kRows * kClasses) * p * (log_p[c] - log_q[c]);
      const double share = hard ? 1.0 / kRows : t / (kRows * kClasses);
      if (gradient != nullptr) gradient->push_back(share * (std::exp(log_q[c]) - p));
    }
  }
  return loss;
}

std::vector<Tensor> loss_and_gradient(const Distillation& d) {
  Tensor logits = tensor(student_logits);
  Tape tape;
  tape.watch(logits);
  const Tensor loss = distillation_loss(d, logits, tensor(teacher_logits));
  const Tensor one = Tensor::scalar(1);
  return {loss, tape.backward(std::span(&loss, 1), std::span(&one, 1)).of(logits)};
}

TEST_CASE("distillation: the gradient is that of the formula", "[models][gradient]") {
  for (const Distillation& d : {Distillation{DistillationKind::kSoft, 0.5, 1},
                                Distillation{DistillationKind::kSoft, 0.5, 3},
                                Distillation{DistillationKind::kSoft, 0.5, 0.5},
                                Distillation{DistillationKind::kHard, 0.5, 1}}) {
    CAPTURE(d.tau);
    Logits gradient;
    const double loss = loss_of(d, student_logits, &gradient);
    const auto wanted =
        test::differences([&](const Logits& x) { return loss_of(d, x); }, student_logits);
    CHECK(test::max_error(gradient, wanted) < 1e-8);
    const std::vector<Tensor> got = test::same_on_any_threads([&] { return loss_and_gradient(d); });
    CHECK(got[0].item() == Approx(loss).epsilon(1e-6));
    CHECK(test::max_error(got[1].values(), gradient) < 1e-6);
  }
}

TEST_CASE("distillation: values and gradients are PyTorch's", "[models]") {
  struct Want {
    Distillation options;
    double by_teacher, loss;
    Logits gradient;  // of the loss in the logits that learn from the teacher
  };
  const std::vector<Want> all = {
      {{DistillationKind::kSoft, 0.5, 1.0},
       0.18091984779982526,
       0.44698394096695804,
       {-0.012220947613526897, 0.0014037032262145762, -0.007233834171802534, 0.01805107855911486,
        0.0017008085931041576, -0.024231179458640638, 0.01729312369498843, 0.005237247170548049,
        0.001226239419653271, 0.01793606365307712, 0.00025584420735419146, -0.019418147280084584}},
      {{DistillationKind::kSoft, 0.3, 3.0},
       0.21545714404436342,
       0.5637707671071726,
       {-0.0049897762033991174, 0.0027055412681240096, -0.00798231978901799, 0.010266554724293098,
        0.003909907435277221, -0.016170273557389505, 0.010723531909117769, 0.0015368342129944903,
        0.0028064003760447966, 0.009157137064702798, 0.002220798721517651, -0.014184336162265247}},
      {{DistillationKind::kHard, 0.75, 1.0},
       1.8251444263254737,
       1.547120328277628,
       {-0.17935538392015574, 0.0202400213792219, 0.009560709126307486, 0.14955465341462634,
        0.012063292185958434, -0.18058054650524458, 0.11445332957718163, 0.0540639247421045,
        0.024931210092039923, 0.20874646635561417, 0.002977608423773523, -0.23665528487142765}},
  };
  const Tensor by_class =
      tensor({0.5, -1.25, 2.0, 0.25, 3.0, 0.5, -0.75, 1.5, -2.0, 1.0, 0.125, 0.75});
  const std::vector<int32_t> labels = {2, 0, 3};
  for (const Want& want : all) {
    const std::vector<Tensor> got = loss_and_gradient(want.options);
    CHECK(got[0].item() == Approx(want.by_teacher).epsilon(1e-6));
    const double alpha = want.options.alpha;
    const Tensor scaled = mul(got[1], static_cast<float>(alpha));
    CHECK(test::max_error(scaled.values(), want.gradient) < 1e-6);
    CrossEntropyOptions smoothed;
    smoothed.label_smoothing = 0.1F;
    const double base = double{cross_entropy(by_class, labels, smoothed).item()};
    CHECK((1 - alpha) * base + alpha * double{got[0].item()} == Approx(want.loss).epsilon(1e-6));
  }
}

TEST_CASE("distillation: impossible shapes are refused", "[models][errors]") {
  const Distillation soft{DistillationKind::kSoft, 0.5, 1};
  CHECK_THROWS_AS(distillation_loss(soft, Tensor::zeros({3, 4}), Tensor::zeros({3, 5})),
                  ShapeError);
  CHECK_THROWS_AS(distillation_loss(soft, Tensor::zeros({4}), Tensor::zeros({4})), ShapeError);
  CHECK_THROWS_AS(distillation_loss(soft, Tensor::zeros({3, 4}), Tensor()), ShapeError);
}

constexpr std::array<int32_t, 4> kLabels = {1, 4, 0, 2};

Vit student(bool with_token) {
  VitConfig config = test::small_vit_config();
  config.distilled = with_token;
  Vit vit(config);
  vit.initialize(3);
  return vit;
}

Tensor pictures() { return test::random_tensor({4, 12, 12, 3}, 3); }

TEST_CASE("distillation: with a token each head has its loss, without one both", "[models]") {
  const Tensor images = pictures();
  const Tensor teacher = test::random_tensor({4, 5}, 5, 2.0);
  for (const auto kind : {DistillationKind::kSoft, DistillationKind::kHard}) {
    for (const bool with_token : {true, false}) {
      Vit vit = student(with_token);
      const HeadLogits heads = vit.heads(images);
      CHECK(heads.by_teacher.defined() == with_token);
      CHECK(test::same_bits(heads.answer(), vit(images)));
      UpdateOptions options;
      options.distillation = {kind, 0.25, 1};
      Training training(vit, options);
      const double by_teacher =
          double{distillation_loss(options.distillation, heads.for_teacher(), teacher).item()};
      const double by_labels = double{cross_entropy(heads.by_class, kLabels).item()};
      CHECK(training.add_gradients(images, kLabels, teacher).loss ==
            Approx(0.75 * by_labels + 0.25 * by_teacher).epsilon(1e-6));
      // All of the loss by the teacher: the labels' head has nothing to learn, if it has its own.
      Vit other = student(with_token);
      options.distillation.alpha = 1;
      Training by_teacher_alone(other, options);
      by_teacher_alone.add_gradients(images, kLabels, teacher);
      const auto largest = [](const Tensor& t) {
        float most = 0;
        for (const float v : t.values()) most = std::max(most, std::abs(v));
        return most;
      };
      CHECK((largest(other.head.weight.grad) == 0) == with_token);
      if (with_token) CHECK(largest(other.head_dist.weight.grad) > 0);
    }
  }
}

TEST_CASE("distillation: the same bits on any number of threads, nothing new allocated",
          "[models][threads][memory]") {
  const test::TempDir folder;
  Model model = test::initialized_model();
  save_model(folder.file("teacher.safetensors"), model);
  const Tensor images = pictures();
  test::same_on_any_threads([&] {
    Model learns;
    learns.network = std::make_unique<Vit>(student(true));
    learns.preprocess = model.preprocess;
    learns.preprocess.mean = {0.4, 0.5, 0.6};
    const Teacher teacher(folder.file("teacher.safetensors"), learns);
    UpdateOptions options;
    options.accumulate = 2;
    options.distillation = {DistillationKind::kSoft, 0.5, 2};
    Training training(*learns.network, options);
    int64_t blocks = 0;
    for (int step = 0; step < 4; ++step) {
      for (const int64_t half : {0, 2}) {
        const Tensor part = images.rows(half, half + 2);
        training.add_gradients(part, std::span(kLabels).subspan(static_cast<size_t>(half), 2),
                               teacher.logits(part));
      }
      training.update(1e-3);
      if (step == 1) blocks = memory_stats().new_blocks;
    }
    CHECK(memory_stats().new_blocks == blocks);
    std::vector<Tensor> weights;
    learns.network->visit(
        [&](const std::string&, Parameter& p, Role) { weights.push_back(p.value.clone()); });
    return weights;
  });
}

}  // namespace
}  // namespace vitrine
