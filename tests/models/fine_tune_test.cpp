// Starting from trained weights: what is copied, what is new, what is refused. Not here: another
// image size (resize_model_test).

#include "models/fine_tune.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "core/error.hpp"
#include "models/bit.hpp"
#include "models/resnet.hpp"
#include "models/vit.hpp"

using namespace vitrine;

namespace {

Model made(std::string_view json) {
  Model model;
  model.network = network_config_from_json(json)->build();
  model.network->initialize(7);
  return model;
}

std::map<std::string, std::vector<float>> weights_of(Network& network) {
  std::map<std::string, std::vector<float>> weights;
  network.visit([&](const std::string& name, Parameter& p, Role) {
    weights[name] = {p.value.values().begin(), p.value.values().end()};
  });
  return weights;
}

constexpr const char* kVit =
    R"({"img_size": 12, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2,
        "num_classes": 5, "pre_logits": 8})";

}  // namespace

TEST_CASE("fine_tune: everything but the head is copied, the head is zero", "[models]") {
  const char* const texts[] = {
      kVit,
      R"({"img_size": 12, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2,
          "num_classes": 5, "distilled": true})",
      R"({"kind": "resnet", "block": "basic", "layers": [1], "channels": [8], "num_classes": 5})",
      R"({"kind": "resnetv2", "layers": [1], "channels": [32], "stem_chs": 32, "groups": 8, "preact": true,
          "stem_type": "fixed", "num_classes": 5})"};
  for (const char* text : texts) {
    CAPTURE(text);
    Model source = made(text);
    const auto config = fine_tune_config(source, 3);
    CHECK(config->classes == 3);
    const auto network = config->build();
    start_from(*network, source, "source");
    const auto before = weights_of(*source.network);
    for (const auto& [name, values] : weights_of(*network)) {
      CAPTURE(name);
      if (is_head(name)) {
        CHECK(std::ranges::all_of(values, [](float v) { return v == 0; }));
      } else {
        CHECK(values == before.at(name));
      }
    }
    // The copy is one: training it leaves the source alone.
    network->visit([](const std::string&, Parameter& p, Role) { p.value.mutable_data()[0] += 1; });
    CHECK(weights_of(*source.network) == before);
  }
}

TEST_CASE("fine_tune: weights of another network are refused, with what differs", "[models]") {
  Model source = made(kVit);
  VitConfig other = VitConfig::from_json(kVit);
  other.width = 32;
  other.depth = 2;
  other.qk_norm = true;
  const auto network = other.build();
  CHECK_THROWS_WITH(start_from(*network, source, "source"),
                    Catch::Contains("source") && Catch::Contains("blocks.0.attn.q_norm.weight") &&
                        Catch::Contains("wanted"));
}
