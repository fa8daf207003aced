// Zero-shot classes: logits against the formula in double, softmax and sigmoid; scale and bias from
// the file or the weights; files that are none are refused in a line that says what is wrong.

#include "models/inference/zero_shot.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/formats/safetensors.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/load_model.hpp"
#include "tests/error_of.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

constexpr int64_t kWidth = 32;

Model model_of_embeddings() {
  Model model;
  model.network = std::make_unique<Vit>(vit_config("vit_d32_l1_h2_patch4_12_gray_c0"));
  model.network->initialize(1);
  model.preprocess.height = model.preprocess.width = 12;
  model.preprocess.channels = 1;
  model.preprocess.mean = model.preprocess.stddev = {0.5};
  return model;
}

/// A file of prompts that can be spoiled before it is written.
struct Prompts {
  Tensor embeddings = test::random_tensor({3, kWidth}, 5);
  Metadata metadata{{"names", R"(["a cat", "a dog, asleep", "Ünïcode"])"}};
  std::vector<std::pair<std::string, Tensor>> more;

  std::string write(const test::TempDir& dir) const {
    std::vector<NamedTensor> tensors;
    if (embeddings.defined()) tensors.push_back({"embeddings", raw_tensor(embeddings)});
    for (const auto& [name, tensor] : more) tensors.push_back({name, raw_tensor(tensor)});
    write_safetensors(dir.file("p.safetensors"), tensors, metadata);
    return dir.file("p.safetensors");
  }
  ZeroShot read(const Model& model) const {
    const test::TempDir dir;
    return read_zero_shot(write(dir), model);
  }
  std::string error(const Model& model) const {
    const test::TempDir dir;
    const std::string path = write(dir);
    return test::error_of([&] { read_zero_shot(path, model); });
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("zero-shot: logits are scaled cosines", "[models]") {
  const Model model = model_of_embeddings();
  Prompts prompts;
  prompts.more = {{"logit_scale", Tensor::scalar(2.5F)}};
  const Tensor images = test::random_tensor({2, kWidth}, 6);
  for (const bool sigmoid : {false, true}) {
    if (sigmoid) prompts.more.push_back({"logit_bias", Tensor::full({1}, -4.0F)});
    const ZeroShot zero = prompts.read(model);
    CHECK(zero.names[1] == "a dog, asleep");
    const Tensor got = zero.logits(images);
    for (int64_t i = 0; i < 2; ++i) {
      for (int64_t c = 0; c < 3; ++c) {
        double xy = 0;
        double xx = 0;
        double yy = 0;
        for (int64_t d = 0; d < kWidth; ++d) {
          const double x = images.data()[i * kWidth + d];
          const double y = prompts.embeddings.data()[c * kWidth + d];
          xy += x * y;
          xx += x * x;
          yy += y * y;
        }
        const double want = std::exp(2.5) * xy / std::sqrt(xx * yy) - (sigmoid ? 4 : 0);
        CHECK(std::abs(got.data()[i * 3 + c] - want) < 1e-4);
      }
    }
    double sum = 0;
    const TopClasses best = top_classes(got, 3, zero.probabilities());
    for (const ClassProbability& one : best[0]) sum += one.probability;
    CHECK((std::abs(sum - 1) < 1e-5) == !sigmoid);
  }
}

TEST_CASE("zero-shot: scale and bias of the weights, which a file keeps", "[models]") {
  Model model = model_of_embeddings();
  CHECK(has(Prompts().error(model), "logit_scale"));
  model.logit_scale = 3;
  model.logit_bias = -7.5;
  const test::TempDir dir;
  save_model(dir.file("m.safetensors"), model);
  const Model got = load_model(dir.file("m.safetensors"));
  CHECK(got.logit_scale == 3.0);
  const ZeroShot zero = Prompts().read(got);
  CHECK(std::abs(zero.scale - std::exp(3.0F)) < 1e-4F);
  CHECK(zero.bias == -7.5F);
  // The file's own are both or none of the weights'.
  Prompts own;
  own.more = {{"logit_scale", Tensor::scalar(0)}};
  CHECK(own.read(got).scale == 1.0F);
  CHECK(!own.read(got).bias);
}

TEST_CASE("zero-shot: files that are none are refused", "[models]") {
  Model model = model_of_embeddings();
  model.logit_scale = 1;
  const auto error = [&](const auto& spoil) {
    Prompts prompts;
    spoil(prompts);
    return prompts.error(model);
  };
  CHECK(has(error([](Prompts& p) { p.metadata.clear(); }), "names"));
  for (const char* names : {"[", "7", R"({"a": 1})", R"(["a", 2, "c"])", "[]"}) {
    CAPTURE(names);
    CHECK(has(error([&](Prompts& p) { p.metadata["names"] = names; }), "names"));
  }
  CHECK(has(error([](Prompts& p) { p.metadata["names"] = R"(["a", "b"])"; }), "(2, 32)"));
  CHECK(has(error([](Prompts& p) { p.embeddings = Tensor(); }), "no tensor \"embeddings\""));
  CHECK(has(error([](Prompts& p) { p.embeddings = test::random_tensor({3, 31}, 1); }), "(3, 32)"));
  CHECK(has(error([](Prompts& p) { p.embeddings = test::random_tensor({96}, 1); }), "(3, 32)"));
  CHECK(has(error([](Prompts& p) { p.embeddings = Tensor::zeros({3, kWidth}); }), "embedding 0"));
  CHECK(has(error([](Prompts& p) {
              p.embeddings.mutable_data()[40] = std::numeric_limits<float>::quiet_NaN();
            }),
            "embedding 1"));
  const auto with = [&](const char* name, const Tensor& value) {
    return error([&](Prompts& p) { p.more.push_back({name, value}); });
  };
  CHECK(has(with("logit_scale", Tensor::scalar(100)), "logarithm"));
  CHECK(has(with("logit_scale", Tensor::scalar(std::numeric_limits<float>::infinity())),
            "logarithm"));
  CHECK(has(with("logit_scale", Tensor::zeros({2})), "one number"));
  CHECK(has(with("logit_bias", Tensor::scalar(1)), "without"));
  CHECK(has(with("temperature", Tensor::scalar(1)), "temperature"));
  model.labels = {"own"};
  const test::TempDir dir;
  const std::string path = Prompts().write(dir);
  CHECK_THROWS_AS(read_zero_shot(path, model), UsageError);
}

}  // namespace
}  // namespace vitrine
