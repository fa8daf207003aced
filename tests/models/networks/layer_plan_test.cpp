// What configurations say of layers, against the network that they build: parameters with those
// that it visits, shapes with what a probe sees, multiply-adds with those that a pass does. Not
// here: the totals of published networks (network_test, vit_test).

#include "models/networks/layer_plan.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "core/text/json_text.hpp"
#include "models/networks/network.hpp"
#include "tests/numbers.hpp"
#include "tests/profiling.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// Every kind of network, and every switch that adds or takes away a layer.
constexpr std::array<const char*, 19> kConfigs = {
    R"({"kind": "vit", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8,
        "num_classes": 5, "img_size": [33, 41]})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 1, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "mlp_ratio": 3, "distilled": true, "reg_tokens": 3, "layer_scale": 0.1,
        "no_embed_class": true, "fc_norm": true, "pre_logits": 24, "num_classes": 5})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 1, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "class_token": false, "global_pool": "avg", "fc_norm": true, "qk_norm": true,
        "qkv_bias": false, "patch_bias": false, "pre_norm": true, "position": "sincos_mae",
        "num_classes": 5})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 1, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "position": "none", "num_classes": 0})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8,
        "img_size": [33, 41], "position": "learned_2d", "position_at": "every", "num_classes": 5})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "position": "relative", "num_classes": 5})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 1, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "class_token": false, "global_pool": "map", "attn_pool_heads": 4, "attn_pool_mlp_ratio": 3,
        "mlp": "glu_packed", "act": "silu", "embed_norm": true, "num_classes": 0})",
    R"({"kind": "eva", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "k_bias": false, "qkv_fused": false, "mlp": "glu", "mlp_hidden": 22, "act": "silu",
        "scale_attn_norm": true, "scale_mlp_norm": true, "norm": "rmsnorm", "layer_scale": 0.1,
        "rope": {"kind": "axial", "reference_grid": [2, 2]}, "global_pool": "avgmax",
        "num_classes": 5})",
    R"({"kind": "eva", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "k_bias": false, "position": "none", "reg_tokens": 2, "final_norm": false, "qk_norm": true,
        "rope": {"kind": "mixed", "temperature": 10}, "global_pool": "max", "num_classes": 5})",
    R"({"kind": "beit", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8,
        "img_size": [33, 41], "k_bias": false, "position": "none", "rel_pos_bias": true,
        "shared_rel_pos_bias": true, "layer_scale": 0.1, "global_pool": "avg", "fc_norm": true,
        "num_classes": 5})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "block": "parallel", "qkv_bias": false, "qk_norm": true, "layer_scale": 0.1,
        "num_classes": 5})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "block": "parallel_things", "layer_scale": 0.1, "num_classes": 5})",
    R"({"kind": "vit", "embed_dim": 16, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 33,
        "block": "res_post", "proj_bias": false, "num_classes": 5})",
    R"({"kind": "hybrid", "embed_dim": 16, "depth": 1, "num_heads": 2, "patch_size": 1,
        "num_classes": 5, "img_size": 33,
        "backbone": {"layers": [1, 2], "channels": [16, 32], "stem_chs": 16, "groups": 4}})",
    R"({"kind": "hybrid", "embed_dim": 16, "depth": 1, "num_heads": 2, "patch_size": 2,
        "num_classes": 5, "img_size": 33,
        "backbone": {"layers": [], "channels": [], "stem_chs": 16, "groups": 4}})",
    R"({"kind": "resnetv2", "layers": [2, 1], "channels": [16, 32], "stem_chs": 16, "groups": 4,
        "preact": true, "stem_type": "fixed", "num_classes": 5, "img_size": [33, 41]})",
    R"({"kind": "resnet", "layers": [2, 1], "channels": [16, 32], "cardinality": 4,
        "base_width": 32, "num_classes": 5, "img_size": [33, 41]})",
    R"({"kind": "resnet", "layers": [1, 2], "channels": [8, 12], "stem_type": "deep",
        "stem_width": 8, "avg_down": true, "num_classes": 0, "img_size": 33})",
    R"({"kind": "resnet", "block": "basic", "layers": [1, 2], "channels": [64, 24],
        "in_chans": 1, "num_classes": 5, "img_size": 33})"};

std::vector<LayerPlan> layers_of(const NetworkConfig& config) {
  std::vector<LayerPlan> layers;
  config.each_layer([&](const LayerPlan& layer) { layers.push_back(layer); });
  return layers;
}

Tensor images_of(const NetworkConfig& c, int64_t batch) {
  return random_tensor({batch, c.image_height, c.image_width, c.channels}, 1);
}

/// "blocks.0.norm1" of "blocks.0.norm1.weight"; a token, or a parameter without a module of its own
/// ("blocks.0.gamma_1"), is a layer.
std::string layer_of(const std::string& parameter, Role role) {
  const size_t dot = parameter.rfind('.');
  const std::string last = parameter.substr(dot + 1);
  const bool of_module =
      last == "weight" || last == "bias" || last == "gamma" || role == Role::kBuffer;
  return role == Role::kToken || !of_module ? parameter : parameter.substr(0, dot);
}

/// The layer that gives a module's result: of its name, or the last part of it.
const LayerPlan* layer_of_module(const std::vector<LayerPlan>& layers, const std::string& module) {
  const LayerPlan* last = nullptr;
  for (const LayerPlan& layer : layers) {
    if (layer.name() == module) return &layer;
    if (layer.name().starts_with(module + ".")) last = &layer;
  }
  return last;
}

}  // namespace

TEST_CASE("layers have the parameters that the network visits", "[models]") {
  for (const char* text : kConfigs) {
    CAPTURE(text);
    const auto config = parse_network_config(text);
    std::map<std::string, int64_t> want;
    config->build()->visit([&](const std::string& name, const Parameter& p, Role role) {
      if (role != Role::kBuffer) want[layer_of(name, role)] += p.value.numel();
    });
    std::map<std::string, int64_t> got;
    int64_t sum = 0;
    for (const LayerPlan& layer : layers_of(*config)) {
      CAPTURE(layer.name());
      sum += layer.parameters;
      if (layer.parameters > 0) CHECK(got.emplace(layer.name(), layer.parameters).second);
    }
    CHECK(got == want);
    CHECK(sum == config->parameters());
  }
}

TEST_CASE("layers have the shapes that a probe sees", "[models]") {
  for (const char* text : kConfigs) {
    const auto config = parse_network_config(text);
    const auto network = config->build();
    network->initialize(1);
    const std::vector<LayerPlan> layers = layers_of(*config);
    Probe probe;
    size_t compared = 0;
    probe.output = [&](const std::string& module, const Tensor& output) {
      // No layer of its own: what goes into the blocks, and an activation without parameters.
      if (module == "tokens" || module.ends_with("act")) return;
      CAPTURE(text, module);
      const LayerPlan* layer = layer_of_module(layers, module);
      // timm's norm is the identity where there is an fc_norm.
      if (module == "norm" && layer_of_module(layers, "fc_norm") != nullptr) {
        CHECK(layer == nullptr);
        return;
      }
      REQUIRE(layer != nullptr);
      CAPTURE(layer->name());
      Shape got(output.shape().dims().subspan(1));
      // One token, or one of the two that have heads of their own, as a vector.
      if (got.rank() == 2 && got[0] == 1) got = {got[1]};
      Shape want = layer->shape;
      if (want.rank() == 2 && want[0] == 1) want = {want[1]};
      const bool one_of_two = module == "pre_logits" && want.rank() == 2;
      CHECK(got == (one_of_two ? Shape{want[1]} : want));
      ++compared;
    };
    (*network)(images_of(*config, 2), {.probe = &probe});
    CHECK(compared >= 5);
  }
}

TEST_CASE("layers have the multiply-adds of a pass", "[models]") {
  // With more pictures, the query that a pool has learned is still projected once.
  constexpr int64_t kBatch = 1;
  for (const char* text : kConfigs) {
    CAPTURE(text);
    const auto config = parse_network_config(text);
    const auto network = config->build();
    network->initialize(1);
    const Profiling on(true);
    (*network)(images_of(*config, kBatch));
    int64_t done = 0;
    for (const ProfileRow& row : profile_rows()) done += row.macs;
    CHECK(done == kBatch * config->macs());
  }
}
