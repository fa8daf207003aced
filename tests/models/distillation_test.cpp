// Learning from a teacher: the loss, training by it, what a teacher sees.
//   formula   the gradient of both kinds in double against differences: relative error below 1e-8
//   loss      values and gradients of PyTorch 2.13 in double (DeiT's DistillationLoss, three rows
//   of
//             four classes, label smoothing 0.1); 1e-6: a few roundings of numbers around 1
//   training  which head learns what, threads, memory
//   teacher   statistics, colours and sizes that differ from the student's
// Not here: a whole run, its checkpoint and its teacher's file (tests/program).

#include "models/distillation.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "models/teacher.hpp"
#include "models/training.hpp"
#include "models/vit.hpp"
#include "ops/binary.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/interpolate.hpp"
#include "ops/softmax.hpp"
#include "tests/any_threads.hpp"
#include "tests/models/small_vit.hpp"
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

TEST_CASE("distillation: impossible options and shapes are refused", "[models][errors]") {
  constexpr auto kSoft = DistillationKind::kSoft;
  constexpr auto kHard = DistillationKind::kHard;
  Distillation{kSoft, 1, 4}.validate();
  Distillation{kHard, 0, 1}.validate();
  for (const Distillation& bad :
       {Distillation{kSoft, 1.1, 1}, Distillation{kSoft, -0.1, 1}, Distillation{kSoft, 0.5, 0},
        Distillation{kSoft, 0.5, std::nan("")}, Distillation{kHard, 0.5, 2},
        Distillation{DistillationKind::kNone, 0.6, 1}}) {
    CHECK_THROWS_AS(bad.validate(), UsageError);
  }
  const Distillation soft{kSoft, 0.5, 1};
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

/// A teacher of these statistics and size, saved, and what it says of prepared pictures.
struct Saved {
  test::TempDir folder;
  std::string path = folder.file("teacher.safetensors");
  Model model;

  Saved(int64_t side, std::vector<double> mean, std::vector<double> stddev) {
    VitConfig config = for_image_size(test::small_vit_config(), side, side);
    config.channels = static_cast<int64_t>(mean.size());
    model = test::initialized_model(config);
    model.preprocess.channels = static_cast<int>(mean.size());
    model.preprocess.mean = std::move(mean);
    model.preprocess.stddev = std::move(stddev);
    save_model(path, model);
    model.network->freeze();
  }
};

TEST_CASE("teacher: it sees the student's pictures as its own weights have learned to see",
          "[models]") {
  // Pixels as values from 0 to 1, normalised for whoever looks.
  const Tensor pixels = test::random_tensor({2, 12, 12, 3}, 8, 0.3);
  const auto normalised = [](const Tensor& x, const std::vector<double>& mean,
                             const std::vector<double>& stddev) {
    const std::vector<float> m(mean.begin(), mean.end());
    const std::vector<float> s(stddev.begin(), stddev.end());
    const Shape shape = {static_cast<int64_t>(m.size())};
    return div(sub(x, Tensor::from(m, shape)), Tensor::from(s, shape));
  };
  const std::vector<double> mean = {0.485, 0.456, 0.406};
  const std::vector<double> stddev = {0.229, 0.224, 0.225};
  Model learns = test::initialized_model();
  learns.preprocess.mean = {0.1, 0.2, 0.3};
  learns.preprocess.stddev = {0.9, 0.8, 0.7};
  const Tensor seen = normalised(pixels, learns.preprocess.mean, learns.preprocess.stddev);

  SECTION("nothing to do: the very same pixels") {
    const Saved saved(12, learns.preprocess.mean, learns.preprocess.stddev);
    const Teacher teacher(saved.path, learns);
    CHECK(teacher.notes().empty());
    CHECK(test::same_bits(teacher.logits(seen), (*saved.model.network)(seen)));
  }
  SECTION("statistics") {
    const Saved saved(12, mean, stddev);
    const Teacher teacher(saved.path, learns);
    CHECK(teacher.notes().size() == 1);
    const Tensor wanted = (*saved.model.network)(normalised(pixels, mean, stddev));
    CHECK(test::max_error(teacher.logits(seen).values(), wanted.values()) < 1e-5);
  }
  SECTION("size") {
    const Saved saved(16, learns.preprocess.mean, learns.preprocess.stddev);
    const Teacher teacher(saved.path, learns);
    CHECK_THAT(teacher.notes().at(0), Catch::Contains("12 x 12 to 16 x 16"));
    CHECK(
        test::same_bits(teacher.logits(seen), (*saved.model.network)(interpolate(seen, {16, 16}))));
  }
  SECTION("grey is shown as colours, colours as luma") {
    const Saved colours(12, mean, stddev);
    const Saved grey(12, {0.3}, {0.4});
    Model learns_grey = test::initialized_model(as_vit(*grey.model.network).config);
    learns_grey.preprocess = grey.model.preprocess;
    const Tensor luma = test::random_tensor({2, 12, 12, 1}, 9, 0.3);
    const Tensor three = add(luma, Tensor::zeros({3}));
    const Tensor of_colours = (*colours.model.network)(normalised(three, mean, stddev));
    CHECK(test::max_error(
              Teacher(colours.path, learns_grey).logits(normalised(luma, {0.3}, {0.4})).values(),
              of_colours.values()) < 1e-5);
    // Three equal colours are their own luma.
    const Tensor of_grey = (*grey.model.network)(normalised(luma, {0.3}, {0.4}));
    CHECK(test::max_error(Teacher(grey.path, learns)
                              .logits(normalised(three, {0.1, 0.2, 0.3}, {0.9, 0.8, 0.7}))
                              .values(),
                          of_grey.values()) < 1e-5);
  }
}

TEST_CASE("teachers: several teach the mean of their probabilities", "[models]") {
  const Saved first(12, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5});
  Model learns = test::initialized_model();
  learns.preprocess = first.model.preprocess;
  Model other = test::initialized_model();
  other.preprocess = first.model.preprocess;
  // The logits of its last class are beyond what float's exponential can tell from zero.
  other.network->visit([](const std::string& name, Parameter& p, Role) {
    if (name == "head.weight") p.value.mutable_data()[0] += 3;
    if (name == "head.bias") p.value.mutable_data()[4] = -1000;
  });
  const std::string path = first.folder.file("other.safetensors");
  save_model(path, other);
  const Tensor seen = pictures();
  CHECK_FALSE(logits_of({}, seen).defined());

  std::vector<Teacher> teachers;
  teachers.emplace_back(first.path, learns);
  CHECK(test::same_bits(logits_of(teachers, seen), teachers.front().logits(seen)));
  teachers.emplace_back(path, learns);
  const Tensor p = softmax(teachers[0].logits(seen), -1);
  const Tensor q = softmax(teachers[1].logits(seen), -1);
  CHECK(test::max_error(p.values(), q.values()) > 0.01);
  const Tensor both = logits_of(teachers, seen);
  CHECK(test::max_error(softmax(both, -1).values(), mul(add(p, q), 0.5F).values()) < 1e-6);

  // A class that nobody thinks possible stays finite.
  teachers.erase(teachers.begin());
  teachers.emplace_back(path, learns);
  const Tensor impossible = logits_of(teachers, seen);
  CHECK(std::ranges::all_of(impossible.values(), [](float v) { return std::isfinite(v); }));
}

TEST_CASE("teacher: its classes are the student's by name", "[models]") {
  Saved saved(12, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5});
  Model learns = test::initialized_model();
  learns.preprocess = saved.model.preprocess;
  learns.labels = {"a", "b", "c", "d", "e"};
  Model taught = test::initialized_model();
  taught.preprocess = saved.model.preprocess;
  taught.labels = learns.labels;
  save_model(saved.path, taught);
  const Tensor want = Teacher(saved.path, learns).logits(pictures());
  taught.labels = {"d", "a", "e", "b", "c"};
  save_model(saved.path, taught);
  const Teacher teacher(saved.path, learns);
  CHECK(teacher.notes().empty());
  const Tensor got = teacher.logits(pictures());
  const std::array<int64_t, 5> at = {1, 3, 4, 0, 2};  // of a, b, c, d, e
  for (int64_t row = 0; row < got.dim(0); ++row) {
    for (size_t c = 0; c < at.size(); ++c) {
      CHECK(got.data()[row * 5 + static_cast<int64_t>(c)] == want.data()[row * 5 + at[c]]);
    }
  }
}

TEST_CASE("teacher: who it is, and who cannot be one", "[models][errors]") {
  Saved saved(12, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5});
  Model learns = test::initialized_model();
  learns.labels = {"a", "b", "c", "d", "e"};
  const std::string fingerprint = Teacher(saved.path, learns).fingerprint();
  CHECK(fingerprint.size() == 16);
  CHECK(Teacher(saved.path, learns).fingerprint() == fingerprint);

  Model changed = test::initialized_model();
  changed.labels = {"a", "b", "x", "d", "e"};
  changed.network->visit([](const std::string& name, Parameter& p, Role) {
    if (name == "norm.bias") p.value.mutable_data()[0] += 0.125F;
  });
  save_model(saved.path, changed);
  CHECK_THROWS_WITH(Teacher(saved.path, learns), Catch::Contains("no class 'c'"));
  changed.labels = {"a", "b", "c", "c", "e"};
  save_model(saved.path, changed);
  CHECK_THROWS_WITH(Teacher(saved.path, learns), Catch::Contains("no class 'd'"));
  changed.labels.clear();
  save_model(saved.path, changed);
  const Teacher other(saved.path, learns);
  CHECK(other.fingerprint() != fingerprint);
  CHECK_THAT(other.notes().at(0), Catch::Contains("the teacher does not say"));

  changed.network->visit([](const std::string& name, Parameter& p, Role) {
    if (name == "norm.bias") p.value.mutable_data()[0] = std::nanf("");
  });
  save_model(saved.path, changed);
  CHECK_THROWS_WITH(Teacher(saved.path, learns).logits(pictures()), Catch::Contains("not finite"));

  VitConfig config = test::small_vit_config();
  config.classes = 6;
  save_model(saved.path, test::initialized_model(config));
  CHECK_THROWS_WITH(Teacher(saved.path, learns), Catch::Contains("has 6 classes, the student 5"));
  CHECK_THROWS_AS(Teacher(saved.folder.file("gone"), learns), UsageError);
}

}  // namespace
}  // namespace vitrine
