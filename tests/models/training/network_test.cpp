// Networks of convolutions: numbers of parameters and multiply-adds against the published ones,
// what configurations may say, layers, training (threads, running statistics, resuming).

#include "models/networks/network.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/bit.hpp"
#include "models/networks/name_suffix.hpp"
#include "models/networks/resnet.hpp"
#include "models/networks/vit.hpp"
#include "models/training/training.hpp"
#include "models/training/training_state.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/load_model.hpp"
#include "tests/models/training/state_tensors.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

constexpr const char* kSmallResNet =
    R"({"kind": "resnet", "block": "bottleneck", "layers": [2, 1], "channels": [8, 12],
        "stem_type": "deep", "stem_width": 8, "avg_down": true, "num_classes": 5, "img_size": 33})";
constexpr const char* kSmallBit =
    R"({"kind": "resnetv2", "layers": [2, 1], "channels": [16, 32], "stem_chs": 16, "groups": 4,
        "preact": true, "stem_type": "fixed", "num_classes": 5, "img_size": 33})";
constexpr const char* kSmallHybrid =
    R"({"kind": "hybrid", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 1,
        "num_classes": 5, "img_size": 33,
        "backbone": {"layers": [1, 1], "channels": [16, 32], "stem_chs": 16, "groups": 4}})";

Tensor random_images(int64_t batch, int64_t side) {
  Tensor images = Tensor::empty({batch, side, side, 3});
  Random random(5, RandomPlace::kTest);
  std::generate_n(images.mutable_data(), images.numel(), [&] { return 2 * random.uniform() - 1; });
  return images;
}

constexpr std::array<int32_t, 6> kLabels = {0, 1, 2, 3, 4, 0};

std::vector<float> all_values(Network& network) {
  std::vector<float> values;
  network.visit([&](const std::string&, Parameter& p, Role) {
    values.insert(values.end(), p.value.values().begin(), p.value.values().end());
  });
  return values;
}

void train(Training& training, int steps) {
  for (int i = 0; i < steps; ++i) {
    training.add_gradients(random_images(6, 33), kLabels);
    training.update(0.01);
  }
}

}  // namespace

TEST_CASE("networks of convolutions are as large as timm's", "[models]") {
  struct Known {
    const char* name;
    int64_t parameters;
    double gmacs;
  };
  // From timm 1.0.29; at 224 pixels unless the name says otherwise.
  const std::vector<Known> known = {{"vit_tiny_r_s16_p8_224", 6337704, 0.434},
                                    {"vit_tiny_r_s16_p8_384", 6355944, 1.327},
                                    {"vit_small_r26_s32_224", 36431912, 3.464},
                                    {"vit_small_r26_s32_384", 36468392, 10.264},
                                    {"vit_base_r26_s32_224", 101383976, 6.711},
                                    {"vit_base_r50_s16_224", 98659112, 21.535},
                                    {"vit_base_r50_s16_384", 98950952, 67.156},
                                    {"vit_large_r50_s32_224", 328994856, 19.413},
                                    {"vit_large_r50_s32_384", 329092136, 57.136},
                                    {"resnet18", 11689512, 1.814},
                                    {"resnet34", 21797672, 3.664},
                                    {"resnet50", 25557032, 4.089},
                                    {"resnet101", 44549160, 7.801},
                                    {"resnet152", 60192808, 11.514},
                                    {"resnet26d", 16014408, 2.582},
                                    {"resnet50d", 25576264, 4.329},
                                    {"resnetv2_50x1_bit", 25549352, 4.089},
                                    {"resnetv2_50x1_bit_448", 25549352, 16.351},
                                    {"resnetv2_101x1_bit", 44541480, 7.801},
                                    {"resnetv2_50x3_bit", 217319080, 36.082},
                                    {"resnetv2_50x1_bit_c21843", 68256659, 4.132}};
  for (const Known& k : known) {
    CAPTURE(k.name);
    const auto config = network_config(k.name);
    CHECK(config->parameters() == k.parameters);
    CHECK(std::round(static_cast<double>(config->macs()) / 1e6) == Approx(1000 * k.gmacs));
    CHECK(network_config_from_json(config->to_json())->to_json() == config->to_json());
  }
}

TEST_CASE("a network has as many numbers as its configuration says", "[models]") {
  for (const char* text : {kSmallResNet, kSmallBit, kSmallHybrid}) {
    const auto config = parse_network_config(text);
    const auto network = config->build();
    int64_t trained = 0;
    network->visit([&](const std::string&, const Parameter& p, Role role) {
      if (role != Role::kBuffer) trained += p.value.numel();
    });
    CHECK(trained == config->parameters());
  }
}

TEST_CASE("names and JSON of networks of convolutions", "[models]") {
  const auto gray = network_config("resnet18_28_gray_c7");
  CHECK(gray->channels == 1);
  CHECK(gray->classes == 7);
  CHECK(gray->image_height == 28);
  CHECK(names_classes("resnet18_28_gray_c7"));
  CHECK(!names_classes("resnet18_28_gray"));
  CHECK(network_config("wide_resnet50_2_96_gray_c7")->image_height == 96);
  struct Known {
    const char* name;
    int64_t parameters;
  };
  // From timm 1.0.29.
  for (const Known& known :
       {Known{"resnet10t", 5435488}, Known{"resnet50t", 25573728}, Known{"resnet50c", 25576264},
        Known{"resnet101s", 44672936}, Known{"resnet200d", 64693064},
        Known{"resnext50d_32x4d", 25048136}, Known{"resnext101_64x4d", 83455272},
        Known{"wide_resnet50_2", 68883240}}) {
    CAPTURE(known.name);
    CHECK(network_config(known.name)->parameters() == known.parameters);
  }
  for (const char* name :
       {"resnet", "resnet51", "resnet50x", "wide_resnet18_2", "resnext18_32x4d", "resnext50",
        "resnext50_32x4", "skresnet50", "resnet18_0", "resnetv2_50x9_bit", "resnetv2_50x_bit",
        "resnetv2_50x1", "vit_base_r60_s16_224", "vit_r50_s16_224", "resnet50_c99999999", ""}) {
    CAPTURE(name);
    CHECK_THROWS_AS(network_config(name), UsageError);
  }
  for (const char* text :
       {"", "[]", R"({"kind": "resnext"})", R"({"kind": 7})", R"({"kind": "resnet", "layer": [1]})",
        R"({"kind": "resnet", "layers": [1, 1]})", R"({"kind": "resnet", "layers": []})",
        R"({"kind": "resnet", "channels": [64, 128, 256, 1000000000000]})",
        R"({"kind": "resnet", "block": "basic", "cardinality": 2})",
        R"({"kind": "resnet", "bn_momentum": 0})", R"({"kind": "resnet", "img_size": [224]})",
        R"({"kind": "resnetv2", "layers": [], "channels": []})",
        R"({"kind": "resnetv2", "layers": [1], "channels": [64], "bottle_ratio": 2})",
        R"({"kind": "resnetv2", "layers": [1], "channels": [33]})",
        R"({"kind": "vit", "backbone": {"layers": [], "channels": []}})",
        R"({"kind": "hybrid"})"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_network_config(text), UsageError);
  }
}

TEST_CASE("a configuration may be a file", "[models]") {
  const TempDir folder;
  const std::string path =
      folder.add("small.json", std::as_bytes(std::span(std::string_view(kSmallResNet))));
  CHECK(network_config(path)->to_json() == parse_network_config(kSmallResNet)->to_json());
  CHECK_THROWS_AS(network_config(folder.file("no.json")), IoError);
}

TEST_CASE("layers of networks of convolutions, from the stem to the head", "[models]") {
  const auto resnet = network_config("resnet18")->build();
  CHECK(resnet->layers() == 10);
  CHECK(resnet->layer_of("conv1.weight") == 0);
  CHECK(resnet->layer_of("layer1.1.bn2.weight") == 2);
  CHECK(resnet->layer_of("layer4.1.conv2.weight") == 8);
  CHECK(resnet->layer_of("fc.bias") == 9);
  const auto bit = parse_network_config(kSmallBit)->build();
  CHECK(bit->layers() == 5);
  CHECK(bit->layer_of("stem.conv.weight") == 0);
  CHECK(bit->layer_of("stages.0.blocks.1.conv1.weight") == 2);
  CHECK(bit->layer_of("stages.1.blocks.0.conv1.weight") == 3);
  CHECK(bit->layer_of("norm.weight") == 4);
  CHECK(bit->layer_of("head.fc.weight") == 4);
}

TEST_CASE("training is the same for any number of threads, and after resuming", "[models]") {
  UpdateOptions options;
  options.ema = 0.9;
  for (const char* text : {kSmallResNet, kSmallBit, kSmallHybrid}) {
    CAPTURE(text);
    std::vector<float> want;
    for (const int n : {1, 2, 3}) {
      set_threads(n);
      const auto network = parse_network_config(text)->build();
      network->initialize(3);
      Training training(*network, options);
      train(training, 4);
      training.swap_average();
      const std::vector<float> average = all_values(*network);
      training.swap_average();
      std::vector<float> got = all_values(*network);
      CHECK(got != average);
      got.insert(got.end(), average.begin(), average.end());
      if (want.empty()) want = got;
      CHECK(got == want);
    }
    set_threads(0);

    Model model{parse_network_config(text)->build(), {.height = 33, .width = 33}, {}};
    model.network->initialize(3);
    Training first(*model.network, options);
    train(first, 2);
    const TempDir folder;
    const std::string path = folder.file("checkpoint.safetensors");
    std::vector<NamedTensor> tensors = model_tensors(model);
    for (NamedTensor& tensor : state_tensors(first)) tensors.push_back(std::move(tensor));
    write_safetensors(path, tensors, model_metadata(model));
    const Model loaded = load_model(path);
    Training second(*loaded.network, options);
    restore_state(second, TensorArchive(path), first.steps());
    train(second, 2);
    std::vector<float> got = all_values(*loaded.network);
    second.swap_average();
    const std::vector<float> average = all_values(*loaded.network);
    got.insert(got.end(), average.begin(), average.end());
    CHECK(got == want);
  }
}

TEST_CASE("a model that is packed as it is read answers as one that is frozen later", "[models]") {
  for (const char* text : {kSmallResNet, kSmallBit, kSmallHybrid}) {
    Model model{parse_network_config(text)->build(), {.height = 33, .width = 33}, {}};
    model.network->initialize(3);
    const TempDir folder;
    save_model(folder.file("model.safetensors"), model);
    const Model frozen = load_frozen_model(folder.file("model.safetensors"));
    model.network->freeze();
    const Tensor images = random_images(2, 33);
    const Tensor want = (*model.network)(images);
    const Tensor got = (*frozen.network)(images);
    CHECK(std::ranges::equal(got.values(), want.values()));
    // Nobody writes to what is packed.
    frozen.network->visit([](const std::string&, Parameter& p, Role) {
      CHECK_THROWS_AS(p.value.mutable_data(), UsageError);
    });
  }
}

TEST_CASE("running statistics move in training, and their average follows", "[models]") {
  ResNet network(ResNetConfig::from_json(parse_json(kSmallResNet)));
  network.initialize(3);
  const auto statistics = [&] {
    const std::span<const float> values = network.stem[0].norm.running_mean.value.values();
    return std::vector<float>(values.begin(), values.end());
  };
  const std::vector<float> before = statistics();
  network(random_images(6, 33));
  CHECK(statistics() == before);
  UpdateOptions options;
  options.ema = 0.75;
  Training training(network, options);
  train(training, 1);
  const std::vector<float> after = statistics();
  CHECK(after != before);
  training.swap_average();
  const std::vector<float> average = statistics();
  for (size_t i = 0; i < after.size(); ++i) {
    CHECK(average[i] == Approx(0.75 * before[i] + 0.25 * after[i]).margin(1e-7));
  }
}

TEST_CASE("drop path of a ResNet is for training alone", "[models]") {
  ResNetConfig config = ResNetConfig::from_json(parse_json(kSmallResNet));
  ResNet plain(config);
  plain.initialize(3);
  config.drop_path = 0.9;
  ResNet dropping(config);
  dropping.initialize(3);
  const Tensor images = random_images(6, 33);
  const auto values = [&](const ResNet& network, const Pass& pass) {
    const Tensor y = network(images, pass);
    return std::vector<float>(y.values().begin(), y.values().end());
  };
  CHECK(values(dropping, {}) == values(plain, {}));
  const Pass pass{.training = true, .seed = 1, .step = 2};
  CHECK(values(dropping, pass) != values(plain, pass));
  CHECK(values(dropping, pass) == values(dropping, pass));
}
