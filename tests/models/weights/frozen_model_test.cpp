// Frozen models, whatever they are for, answer as load_model and freeze do, bit for bit: files of
// this program and files with timm's, other programs' or narrow weights, every ISA. Where weights
// lie is looked at too: a model for one use leaves its matrices in the file until the second.

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "models/networks/vit.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/export_model.hpp"
#include "models/weights/load_model.hpp"
#include "tests/isas.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

struct Weights {
  int borrowed = 0, matrices = 0;
};

Weights weights_of(const Model& model) {
  Weights weights;
  model.network->visit([&](const std::string&, Parameter& p, Role role) {
    CHECK(p.value.storage().frozen());
    const bool matrix = role == Role::kWeight && p.value.rank() == 2;
    if (p.value.storage().borrowed()) {
      CHECK(matrix);
      ++weights.borrowed;
    }
    if (matrix) ++weights.matrices;
  });
  return weights;
}

/// Loads the file for either use, and compares; returns what a model for one use has.
Weights check_answers(const std::string& path) {
  const Tensor images = random_tensor({2, 12, 12, 3}, 5);
  Model plain = load_model(path);
  plain.network->freeze();
  const Tensor want = (*plain.network)(images);

  const Model often = load_frozen_model(path);
  CHECK(weights_of(often).borrowed == 0);
  CHECK(same_bits((*often.network)(images), want));

  const Model once = load_frozen_model(path, Use::kOnce);
  const Weights weights = weights_of(once);
  for (int pass = 0; pass < 3; ++pass) CHECK(same_bits((*once.network)(images), want));
  return weights;
}

}  // namespace

TEST_CASE("a model for one use leaves the matrices in a file of this program", "[models]") {
  const ScopedIsa isa(each_isa());
  const TempDir dir;
  save_model(dir.file("model.safetensors"), test::initialized_model());
  const Weights weights = check_answers(dir.file("model.safetensors"));
  CHECK(weights.matrices == 9);  // four of each block, and the head
  CHECK(weights.borrowed == weights.matrices);
}

TEST_CASE("a model for one use leaves the matrices in a file of timm's names", "[models]") {
  const ScopedIsa isa(each_isa());
  const TempDir dir;
  write_safetensors(dir.file("model.safetensors"), model_tensors(test::initialized_model()), {});
  const Weights weights = check_answers(dir.file("model.safetensors"));
  CHECK(weights.borrowed == weights.matrices);
}

TEST_CASE("a model for one use copies what a file does not hold as a matrix of floats",
          "[models]") {
  const TempDir dir;
  const Model model = test::initialized_model();
  std::vector<NamedTensor> tensors = model_tensors(model);
  // Queries, keys and values are three tensors there.
  save_hugging_face(dir.file("hf"), model);
  const Weights three = check_answers(dir.file("hf"));
  CHECK(three.borrowed == three.matrices - 2);

  std::vector<std::vector<double>> wide;
  for (NamedTensor& named : tensors) {
    if (named.name != "blocks.0.mlp.fc1.weight") continue;
    const std::vector<float> values = to_float32(named.tensor, named.name);
    wide.emplace_back(values.begin(), values.end());
    named.tensor.dtype = Dtype::kF64;
    named.tensor.bytes = std::as_bytes(std::span(wide.back()));
  }
  REQUIRE(wide.size() == 1);
  write_safetensors(dir.file("wide.safetensors"), tensors, {});
  const Weights other = check_answers(dir.file("wide.safetensors"));
  CHECK(other.borrowed == other.matrices - 1);

  // Behind three odd bytes no float is aligned.
  const std::array<std::byte, 3> odd{};
  tensors = model_tensors(model);
  tensors.insert(tensors.begin(), {"optimizer/odd", {Dtype::kU8, {3}, odd}});
  write_safetensors(dir.file("odd.safetensors"), tensors, model_metadata(model));
  CHECK(check_answers(dir.file("odd.safetensors")).borrowed == 0);
}

TEST_CASE("a model for one use lives on when its file is replaced or removed", "[models]") {
  const TempDir dir;
  const std::string path = dir.file("model.safetensors");
  Model model = test::initialized_model();
  save_model(path, model);
  const Model once = load_frozen_model(path, Use::kOnce);
  Model other = test::initialized_model();
  other.network->initialize(8);
  save_model(path, other);
  std::filesystem::remove(path);
  const Tensor images = random_tensor({1, 12, 12, 3}, 5);
  CHECK(same_bits((*once.network)(images), (*model.network)(images)));
}
