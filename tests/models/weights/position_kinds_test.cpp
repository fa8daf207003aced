// The kinds of position embedding of the paper's appendix D.4: what is added to which token and
// where, gradients of every table, the order of patches that matters to them, files, resizing, and
// what is refused. Not here: the mathematics of relative attention (relative_attention_test),
// parameters and layers (vit_test, layer_plan_test).

#include <catch2/catch.hpp>
#include <map>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/hugging_face_preprocess.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/source_facts.hpp"
#include "ops/cross_entropy.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::random_tensor;

/// Every kind and place that is possible.
std::vector<VitConfig> kinds() {
  std::vector<VitConfig> result;
  for (const Position position : {Position::kLearned, Position::kLearned2d}) {
    for (const PositionAt at : {PositionAt::kStart, PositionAt::kEvery, PositionAt::kShared}) {
      VitConfig c = test::small_vit_config();
      c.image_width = 16;
      c.position = position;
      c.position_at = at;
      result.push_back(c);
    }
  }
  result.push_back(test::small_vit_config());
  result.back().image_width = 16;
  result.back().position = Position::kRelative;
  return result;
}

/// Parameters as large as activations, so that nothing drowns.
Vit random_vit(const VitConfig& c) {
  Vit vit(c);
  vit.initialize(3);
  uint64_t stream = 10;
  vit.visit([&](const std::string&, Parameter& p, Role role) {
    if (role == Role::kToken) p.value = random_tensor(p.value.shape(), stream++, 0.5);
  });
  return vit;
}

double loss_of(const Vit& vit, const Tensor& images, const std::vector<int32_t>& labels) {
  return double{cross_entropy(vit(images), labels).item()};
}

}  // namespace

TEST_CASE("position: rows and columns side by side, nothing for the class token", "[models]") {
  PositionEmbedding p;
  p.rows.value = random_tensor({1, 2, 3}, 1);
  p.columns.value = random_tensor({1, 4, 3}, 2);
  const Tensor e = p.embedding();
  REQUIRE(e.shape() == Shape{1, 8, 6});
  const Tensor sum = p.add_to(Tensor::zeros({2, 9, 6}));
  for (int64_t y = 0; y < 2; ++y) {
    for (int64_t x = 0; x < 4; ++x) {
      for (int64_t d = 0; d < 6; ++d) {
        const float want =
            d < 3 ? p.rows.value.data()[y * 3 + d] : p.columns.value.data()[x * 3 + d - 3];
        CHECK(e.data()[(y * 4 + x) * 6 + d] == want);
        CHECK(sum.data()[(1 + y * 4 + x) * 6 + d] == want);
        CHECK(sum.data()[(9 + 1 + y * 4 + x) * 6 + d] == want);
      }
    }
  }
  for (int64_t d = 0; d < 6; ++d) CHECK(sum.data()[d] == 0);
}

TEST_CASE("position: the gradient of every table follows the loss", "[models][gradient]") {
  for (const VitConfig& c : kinds()) {
    Vit vit = random_vit(c);
    const Tensor images = random_tensor({2, 12, 16, 3}, 4);
    const std::vector<int32_t> labels = {1, 3};
    CAPTURE(write_json(c.to_json()));
    std::map<std::string, Tensor> gradients;
    {
      Tape tape;
      vit.visit([&](const std::string&, Parameter& p, Role role) {
        if (role == Role::kToken) tape.watch(p.value);
      });
      const Gradients g = tape.backward(cross_entropy(vit(images), labels));
      vit.visit([&](const std::string& name, Parameter& p, Role role) {
        if (role == Role::kToken) gradients[name] = g.of(p.value);
      });
    }
    // Along its own direction the loss changes by the gradient's length: 1 % in float.
    int tables = 0;
    vit.visit([&](const std::string& name, Parameter& p, Role role) {
      if (role != Role::kToken || name == "cls_token") return;
      ++tables;
      const Tensor& gradient = gradients.at(name);
      const double length = std::sqrt(test::dot(gradient.values(), gradient.values()));
      REQUIRE(length > 1e-4);
      constexpr double kStep = 0.02;
      const Tensor at = p.value;
      const auto moved = [&](double step) {
        Tensor to = at.clone();
        for (int64_t i = 0; i < to.numel(); ++i) {
          to.mutable_data()[i] += static_cast<float>(step / length) * gradient.data()[i];
        }
        p.value = to;
        const double loss = loss_of(vit, images, labels);
        p.value = at;
        return loss;
      };
      CAPTURE(name);
      CHECK((moved(kStep) - moved(-kStep)) / (2 * kStep) == Approx(length).epsilon(0.01));
    });
    const bool relative = c.position == Position::kRelative;
    const int per_place = c.position == Position::kLearned2d ? 2 : 1;
    CHECK(tables == (relative || c.position_at == PositionAt::kEvery ? 2 : 1) * per_place);
  }
}

TEST_CASE("position: patches in another order are another picture, unless there is none",
          "[models]") {
  std::vector<VitConfig> configs = kinds();
  configs.push_back(test::small_vit_config());
  configs.back().image_width = 16;
  configs.back().position = Position::kNone;
  const Tensor images = random_tensor({1, 12, 16, 3}, 4);
  // The first two patches of the first row change places.
  Tensor swapped = images.clone();
  constexpr int64_t kPatch = 4 * 3;
  for (int64_t y = 0; y < 4; ++y) {
    float* row = swapped.mutable_data() + y * 16 * 3;
    std::swap_ranges(row, row + kPatch, row + kPatch);
  }
  for (const VitConfig& c : configs) {
    CAPTURE(write_json(c.to_json()));
    const Vit vit = random_vit(c);
    const double distance = max_error(vit(swapped).values(), vit(images).values());
    CHECK((distance > 1e-4) == (c.position != Position::kNone));
  }
}

TEST_CASE("position: every kind is saved and loaded", "[models]") {
  const test::TempDir dir;
  for (const VitConfig& c : kinds()) {
    CAPTURE(write_json(c.to_json()));
    Model model = test::initialized_model(c);
    const std::string path = dir.file("model.safetensors");
    save_model(path, model);
    const Model loaded = load_model(path);
    const Tensor images = random_tensor({2, 12, 16, 3}, 4);
    CHECK(test::same_bits((*loaded.network)(images), (*model.network)(images)));
  }
}

TEST_CASE("position: rows and columns are resampled along their own axis", "[models]") {
  for (const PositionAt at : {PositionAt::kStart, PositionAt::kEvery}) {
    VitConfig c = test::small_vit_config();
    c.position = Position::kLearned2d;
    c.position_at = at;
    Vit vit = random_vit(c);
    const Tensor whole = resample_position_embedding(vit.pos_embed.embedding(), 0, 3, 3, 5, 4);
    vit.resize(20, 16, PositionResampling::kBicubicAntialias);
    CHECK(vit.pos_embed.rows.value.shape() == Shape{1, 5, 64});
    CHECK(vit.pos_embed.columns.value.shape() == Shape{1, 4, 64});
    CHECK(max_error(vit.pos_embed.embedding().values(), whole.values()) < 1e-6);
    CHECK(vit(random_tensor({1, 20, 16, 3}, 1)).shape() == Shape{1, 5});
  }
}

TEST_CASE("position: what makes no sense is refused", "[models]") {
  VitConfig c = test::small_vit_config();
  c.position = Position::kRelative;
  Vit relative(c);
  CHECK_THROWS_WITH(relative.resize(20, 20, PositionResampling::kBicubic),
                    Catch::Contains("cannot be resampled"));
  CHECK(relative.config.image_width == 12);
  c.position_at = PositionAt::kShared;
  CHECK_THROWS_WITH(c.validate(), Catch::Contains("acts in every block"));
  c.position = Position::kNone;
  CHECK_THROWS_WITH(c.validate(), Catch::Contains("position_at"));
  c.position = Position::kSinCosMae;
  c.validate();
  c.position_at = PositionAt::kEvery;
  CHECK_THROWS_WITH(c.validate(), Catch::Contains("'shared'"));
  c.position = Position::kLearned2d;
  c.width = 15;
  c.heads = 3;
  CHECK_THROWS_WITH(c.validate(), Catch::Contains("even"));
}

TEST_CASE("position: Hugging Face has the usual one alone", "[models]") {
  for (const VitConfig& c : kinds()) {
    if (c.position == Position::kLearned && c.position_at == PositionAt::kStart) continue;
    const Model model = test::initialized_model(c);
    CHECK_THROWS_AS(hugging_face_files(c, model.preprocess, {}), UsageError);
  }
}

}  // namespace vitrine
