// Teachers: pictures of other statistics, colours and sizes than the student's, classes in another
// order, several that teach together, and who cannot be one.

#include "models/training/teacher.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/checkpoint.hpp"
#include "ops/binary.hpp"
#include "ops/interpolate.hpp"
#include "ops/softmax.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

Tensor pictures() { return test::random_tensor({4, 12, 12, 3}, 3); }

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
