// ResNet's relatives: timm's counts of parameters for every name, by the plan of layers and by the
// tensors; what is allocated runs, frozen and not, and trains. Values against timm are golden data
// (tests/golden) and `make test-timm`.

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/bit.hpp"
#include "models/networks/resnet.hpp"
#include "ops/reduce.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

struct Named {
  const char* name;
  int64_t parameters;  // timm 1.0.29, with 1000 classes
};

constexpr Named kNamed[] = {
    {"resnet10t", 5435488},           {"resnet14t", 10081632},
    {"resnet26t", 16011872},          {"resnet50t", 25573728},
    {"resnet18d", 11708744},          {"resnet200d", 64693064},
    {"resnet50c", 25576264},          {"resnet50s", 25680808},
    {"resnext50_32x4d", 25028904},    {"resnext50d_32x4d", 25048136},
    {"resnext101_64x4d", 83455272},   {"wide_resnet50_2", 68883240},
    {"wide_resnet101_2", 126886696},  {"resnet50_gn", 25557032},
    {"seresnet18", 11779624},         {"seresnet34", 21960416},
    {"seresnet50", 28088024},         {"seresnet50t", 28104720},
    {"seresnet101", 49326872},        {"seresnet152d", 66841080},
    {"seresnext26t_32x4d", 16806976}, {"seresnext26d_32x4d", 16809512},
    {"seresnext50_32x4d", 27559896},  {"seresnext101_32x8d", 93569048},
    {"ecaresnet26t", 16011916},       {"ecaresnet50t", 25573814},
    {"ecaresnet50d", 25576350},       {"ecaresnet101d", 44568563},
    {"ecaresnetlight", 30162046},     {"ecaresnet269d", 102093077},
    {"resnetrs50", 35691912},         {"resnetrs101", 63618696},
    {"resnetrs152", 86621576},        {"resnetrs200", 93209992},
    {"resnetv2_18", 11687720},        {"resnetv2_18d", 11706952},
    {"resnetv2_34", 21795880},        {"resnetv2_34d", 21815112},
    {"resnetv2_50", 25549352},        {"resnetv2_50d", 25568584},
    {"resnetv2_50t", 25566048},       {"resnetv2_101", 44541480},
    {"resnet34d", 21816904},          {"resnet26d", 16014408},
    {"resnet50d", 25576264},          {"resnet101d", 44568392},
    {"resnet152d", 60212040},         {"resnext101_32x4d", 44177704},
    {"resnext101_32x8d", 88791336},   {"resnext101_32x16d", 194026792},
    {"seresnext101_32x4d", 48955416}, {"ecaresnext50t_32x4d", 15406220},
    {"resnetv2_50d_gn", 25568584},    {"resnetv2_50x1_bit", 25549352},
};

TEST_CASE("ResNet's relatives have timm's parameters", "[models]") {
  for (const auto& [name, parameters] : kNamed) {
    CAPTURE(name);
    CHECK(network_config(name)->parameters() == parameters);
  }
  for (const char* none :
       {"resnet50_gnn", "resnetrs18", "ecaresnetlight2", "seresnet33ts", "eca", "resnetv2_10",
        "resnetv2_50d_frn", "resnetv2_18x1_bit", "wide_resnet18_2", "seresnext18_32x4d"}) {
    CAPTURE(none);
    CHECK_THROWS_AS(network_config(none), UsageError);
  }
}

/// Small networks with everything that a relative may have.
constexpr const char* kSmall[] = {
    R"({"kind": "resnet", "layers": [1, 2], "channels": [8, 16], "stem_type": "deep_tiered",
        "stem_width": 8, "avg_down": true, "attn": "se", "cardinality": 4, "base_width": 32,
        "img_size": [33, 40], "num_classes": 3})",
    R"({"kind": "resnet", "layers": [2, 1], "channels": [16, 24], "block": "basic", "attn": "eca",
        "replace_stem_pool": true, "img_size": 32, "num_classes": 3})",
    R"({"kind": "resnet", "layers": [1, 1], "channels": [8, 16], "norm": "groupnorm", "groups": 4,
        "img_size": 32, "num_classes": 3})",
    R"({"kind": "resnetv2", "layers": [1, 1], "channels": [16, 24], "stem_chs": 16, "preact": true,
        "basic": true, "bottle_ratio": 1.0, "norm": "batchnorm", "conv": "plain", "stem_type": "",
        "img_size": 32, "num_classes": 3})",
    R"({"kind": "resnetv2", "layers": [1, 1], "channels": [16, 32], "stem_chs": 32, "preact": true,
        "avg_down": true, "groups": 4, "conv": "plain", "stem_type": "deep", "img_size": [35, 32],
        "num_classes": 3})",
};

TEST_CASE("small relatives: written and read, counted, run, frozen and trained", "[models]") {
  for (const char* text : kSmall) {
    CAPTURE(text);
    const auto config = parse_network_config(text);
    CHECK(network_config_from_json(config->to_json())->to_json() == config->to_json());
    const auto network = config->build();
    network->initialize(5);
    int64_t trained = 0;
    network->visit([&](const std::string&, const Parameter& p, Role role) {
      if (role != Role::kBuffer) trained += p.value.numel();
    });
    CHECK(trained == config->parameters());
    const Tensor images = test::random_tensor({2, config->image_height, config->image_width, 3}, 4);
    {
      Tape tape;
      network->visit([&](const std::string&, Parameter& p, Role role) {
        if (role != Role::kBuffer) tape.watch(p.value);
      });
      const Tensor y = (*network)(images, {.training = true, .checkpoint_blocks = true});
      const Tensor loss = mean(y);
      const Gradients g = tape.backward(loss);
      network->visit([&](const std::string& name, Parameter& p, Role role) {
        CAPTURE(name);
        if (role != Role::kBuffer) CHECK(g.of(p.value).defined());
      });
    }
    const Tensor y = (*network)(images);
    network->freeze();
    CHECK(test::max_error((*network)(images).values(), test::to_double(y.values())) < 1e-4);
  }
}

TEST_CASE("switches of relatives that do not go together are refused", "[models]") {
  for (const char* text : {
           R"({"kind": "resnet", "attn": "cbam"})",
           R"({"kind": "resnet", "norm": "evonorm"})",
           R"({"kind": "resnet", "attn": "se", "se_ratio": 0})",
           R"({"kind": "resnet", "norm": "groupnorm", "groups": 7})",
           R"({"kind": "resnetv2", "layers": [1], "channels": [32], "basic": true})",
           R"({"kind": "resnetv2", "layers": [1], "channels": [32], "avg_down": true})",
           R"({"kind": "resnetv2", "layers": [1], "channels": [32], "stem_type": "deep"})",
           R"({"kind": "resnetv2", "layers": [1], "channels": [32], "conv": "blur"})",
       }) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_network_config(text), UsageError);
  }
}

}  // namespace
}  // namespace vitrine
