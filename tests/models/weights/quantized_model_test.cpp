// Models in 8-bit integers.
//   opening   a file in floats opened in integers, and a file in integers, answer the same
//   files     every kind of network; which tensors they hold; what reads them as floats
//   hostile   scales that are missing, of another size or type; integers where none belong
// Not here: the products (tests/ops/int8_product_test), what is lost on pictures (tests/program).

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <map>

#include "core/error.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/precision.hpp"
#include "models/weights/save_quantized.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/kernels/all.hpp"
#include "ops/quantize.hpp"
#include "tests/isas.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// A network of a JSON configuration, with random weights, norms and statistics.
Model model_of(const std::string& config) {
  Model model;
  model.network = parse_network_config(config)->build();
  model.network->initialize(3);
  uint64_t stream = 1;
  model.network->visit([&](const std::string& name, Parameter& p, Role role) {
    if (name.ends_with("running_var")) return;
    if (role == Role::kVector || role == Role::kBuffer) {
      const bool gain = name.ends_with(".weight");
      p.value =
          Tensor::from(randoms(p.value.numel(), ++stream, 0.3, gain ? 1 : 0), p.value.shape());
    }
  });
  const NetworkConfig& c = model.network->network_config();
  model.preprocess.height = c.image_height;
  model.preprocess.width = c.image_width;
  return model;
}

/// Writes a model in floats and in integers; returns the path of the latter.
std::string save_both(const TempDir& dir, const Model& plain) {
  const std::string floats = dir.file("floats.safetensors");
  const std::string integers = dir.file("integers.safetensors");
  save_model(floats, plain);
  const Model frozen = load_frozen_model(floats);
  save_quantized(integers, load_model(floats), quantizable_weights(plain, frozen),
                 Precision::kInt8);
  return integers;
}

int in_integers(const Model& model) {
  int count = 0;
  model.network->visit([&](const std::string&, Parameter& p, Role) {
    count += packed_precision(p.value) == Precision::kInt8 ? 1 : 0;
  });
  return count;
}

}  // namespace

TEST_CASE("int8 models: a file in integers answers as one in floats opened so", "[models][int8]") {
  const ScopedIsa isa(each_isa());
  const TempDir dir;
  const Model plain = initialized_model();
  const std::string path = save_both(dir, plain);
  const Model opened = load_frozen_model(dir.file("floats.safetensors"), Use::kOften,
                                         RunWeights::kBest, Precision::kInt8);
  const Model once = load_frozen_model(dir.file("floats.safetensors"), Use::kOnce,
                                       RunWeights::kBest, Precision::kInt8);
  const Model read = load_frozen_model(path);
  CHECK(in_integers(read) == 10);  // four of each block, patches, and the head
  CHECK(read.notes == std::vector<std::string>{"weights are kept in int8"});
  CHECK(in_integers(opened) == 10);
  CHECK(in_integers(once) == 10);
  const Tensor images = random_tensor({3, 12, 12, 3}, 5);
  const Tensor want = (*opened.network)(images);
  CHECK(same_bits((*read.network)(images), want));
  CHECK(same_bits((*once.network)(images), want));
  CHECK(same_bits((*read.network)(images.rows(1, 2)), want.rows(1, 2)));

  const Model floats = load_frozen_model(dir.file("floats.safetensors"));
  const Tensor exact = (*floats.network)(images);
  CHECK(max_error(want.values(), exact.values()) < 0.05);
  CHECK_FALSE(same_bits(want, exact));

  // And as floats: what the integers stand for.
  const Model again = load_frozen_model(path, Use::kOften, RunWeights::kBest, Precision::kFloat32);
  CHECK(in_integers(again) == 0);
  const Model trainable = load_model(path);
  CHECK(max_error((*again.network)(images).values(), (*trainable.network)(images).values()) < 1e-6);
  CHECK(max_error((*again.network)(images).values(), exact.values()) < 0.05);
}

TEST_CASE("int8 models: networks of convolutions", "[models][int8]") {
  const std::string config =
      GENERATE(std::string(R"({"kind": "resnet", "img_size": 40, "num_classes": 5,
                      "layers": [1, 1, 1, 1], "block": "bottleneck"})"),
               std::string(R"({"kind": "resnetv2", "img_size": 40, "num_classes": 5,
                      "layers": [1, 1], "channels": [128, 256]})"));
  CAPTURE(config);
  const TempDir dir;
  const Model plain = model_of(config);
  const std::string path = save_both(dir, plain);
  const Model opened = load_frozen_model(dir.file("floats.safetensors"), Use::kOften,
                                         RunWeights::kBest, Precision::kInt8);
  const Model read = load_frozen_model(path);
  CHECK(in_integers(read) > 6);
  CHECK(in_integers(read) == in_integers(opened));
  const Tensor images = random_tensor({2, 40, 40, 3}, 5);
  const Tensor want = (*opened.network)(images);
  CHECK(max_error((*read.network)(images).values(), want.values()) < 0.05);
  // Folding rounds the scales, and nothing else: but for a tie here and there the integers are the
  // same.
  std::map<std::string, Int8Rows> integers;
  opened.network->visit([&](const std::string& name, Parameter& p, Role role) {
    if (has_precision(p.value, role)) integers.emplace(name, int8_rows(p.value));
  });
  read.network->visit([&](const std::string& name, Parameter& p, Role role) {
    if (!has_precision(p.value, role)) return;
    CAPTURE(name);
    const Int8Rows got = int8_rows(p.value);
    const Int8Rows& wanted = integers.at(name);
    int64_t others = 0;
    for (size_t i = 0; i < got.values.size(); ++i) others += got.values[i] != wanted.values[i];
    CHECK(others * 1000 <= std::ssize(got.values));
    for (size_t j = 0; j < got.scales.size(); ++j) {
      CHECK(got.scales[j] == Approx(wanted.scales[j]).epsilon(1e-5));
    }
  });
}

TEST_CASE("bf16 models: half the memory, and the rounded weights' own answers", "[models][bf16]") {
  const ScopedIsa isa(each_isa());
  const TempDir dir;
  const Model plain = initialized_model();
  const std::string floats = dir.file("floats.safetensors");
  const std::string halves = dir.file("halves.safetensors");
  save_model(floats, plain);
  const Model frozen = load_frozen_model(floats);
  save_quantized(halves, plain, quantizable_weights(plain, frozen), Precision::kBfloat16);
  const auto in_halves = [](const Model& model) {
    int count = 0;
    model.network->visit([&](const std::string&, Parameter& p, Role) {
      count += packed_precision(p.value) == Precision::kBfloat16 ? 1 : 0;
    });
    return count;
  };
  const Model read = load_frozen_model(halves);
  const Model opened =
      load_frozen_model(floats, Use::kOften, RunWeights::kBest, Precision::kBfloat16);
  CHECK(in_halves(read) == 10);
  CHECK(in_halves(opened) == 10);
  const Tensor images = random_tensor({3, 12, 12, 3}, 5);
  const Tensor want = (*opened.network)(images);
  CHECK(same_bits((*read.network)(images), want));
  // The products are those of f32 with the same numbers; where the ISA has its own, activations are
  // rounded too.
  Model rounded = load_model(halves);
  rounded.network->freeze();
  const Tensor in_floats = (*rounded.network)(images);
  CHECK(same_bits(in_floats, want) == (kernels::narrow_of(active_isa()).gemm_bf16 == nullptr));
  CHECK(max_error(want.values(), in_floats.values()) < 0.01);
  CHECK(max_error(want.values(), (*frozen.network)(images).values()) < 0.01);
  CHECK_FALSE(same_bits(want, (*frozen.network)(images)));
}

TEST_CASE("int8 models: what a file holds", "[models][int8]") {
  const TempDir dir;
  const Model plain = initialized_model();
  const std::string path = save_both(dir, plain);
  const TensorArchive archive(path);
  CHECK(archive.metadata().at("vitrine.format") == "2");
  CHECK(archive.metadata().at("vitrine.precision") == "int8");
  CHECK(TensorArchive(dir.file("floats.safetensors")).metadata().at("vitrine.format") == "1");
  CHECK(archive.find("head.weight")->dtype == Dtype::kI8);
  CHECK(archive.find("head.weight")->shape == std::vector<int64_t>{5, 128});
  CHECK(archive.find("head.weight.scale")->shape == std::vector<int64_t>{5});
  CHECK(archive.find("head.bias")->dtype == Dtype::kF32);
  CHECK(archive.find("head.bias.scale") == nullptr);
  const auto size = [](const std::string& file) {
    return static_cast<double>(std::filesystem::file_size(file));
  };
  CHECK(size(path) < 0.35 * size(dir.file("floats.safetensors")));

  const Model frozen = load_frozen_model(dir.file("floats.safetensors"));
  save_quantized(path, load_model(dir.file("floats.safetensors")),
                 quantizable_weights(plain, frozen), Precision::kInt8, {"head.weight"});
  CHECK(TensorArchive(path).find("head.weight")->dtype == Dtype::kF32);
  CHECK(in_integers(load_frozen_model(path)) == 9);
}

TEST_CASE("int8 models: files that are wrong", "[models][int8][errors]") {
  const TempDir dir;
  const std::string path = save_both(dir, initialized_model());
  const TensorArchive archive(path);
  const auto refused = [&](std::string_view words, const std::function<bool(NamedTensor&)>& keep) {
    std::vector<NamedTensor> tensors;
    for (NamedTensor named : archive.tensors()) {
      if (keep(named)) tensors.push_back(named);
    }
    const std::string damaged = dir.file("damaged.safetensors");
    write_safetensors(damaged, tensors, archive.metadata());
    for (const bool frozen : {false, true}) {
      CHECK_THROWS_WITH(frozen ? load_frozen_model(damaged) : load_model(damaged),
                        Catch::Contains(std::string(words)));
      CHECK_THROWS_AS(frozen ? load_frozen_model(damaged) : load_model(damaged), FormatError);
    }
  };
  Metadata metadata = archive.metadata();
  metadata["vitrine.precision"] = "int5";
  write_safetensors(dir.file("other.safetensors"), archive.tensors(), metadata);
  CHECK_THROWS_WITH(load_frozen_model(dir.file("other.safetensors")), Catch::Contains("'int5'"));
  const std::string scale = "head.weight.scale";
  refused("needs a head.weight.scale", [&](NamedTensor& t) { return t.name != scale; });
  refused("needs a head.weight.scale of 5 float32", [&](NamedTensor& t) {
    if (t.name == scale) {
      t.tensor.shape = {4};
      t.tensor.bytes = t.tensor.bytes.first(16);
    }
    return true;
  });
  refused("needs a head.weight.scale of 5 float32", [&](NamedTensor& t) {
    if (t.name == scale) t.tensor.dtype = Dtype::kI32;
    return true;
  });
  refused("head.bias is in 8-bit integers", [&](NamedTensor& t) {
    if (t.name == "head.bias") {
      t.tensor.dtype = Dtype::kI8;
      t.tensor.bytes = t.tensor.bytes.first(5);
    }
    return true;
  });
  // A scale of a weight in floats is a tensor too many.
  refused("head.bias.scale", [&](NamedTensor& t) {
    if (t.name == scale) t.name = "head.bias.scale";
    return t.name != "head.weight";
  });
}
