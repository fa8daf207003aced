// Starting from trained weights: what is copied, what is new, what is refused. Not here: another
// image size (resize_model_test).

#include "models/training/fine_tune.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/bit.hpp"
#include "models/networks/resnet.hpp"
#include "models/networks/vit.hpp"

using namespace vitrine;

namespace {

Model made(std::string_view json) {
  Model model;
  model.network = parse_network_config(json)->build();
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

TEST_CASE("fine_tune: the head of the same classes comes along, in the order that is wanted",
          "[models]") {
  const char* const texts[] = {
      kVit,
      R"({"img_size": 12, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2,
          "num_classes": 5, "distilled": true})",
      R"({"kind": "resnet", "block": "basic", "layers": [1], "channels": [8], "num_classes": 5})",
      R"({"kind": "resnetv2", "layers": [1], "channels": [32], "stem_chs": 32, "groups": 8, "preact": true,
          "stem_type": "fixed", "num_classes": 5})"};
  const std::vector<int32_t> rows = {3, 0, 4, 1, 2};
  for (const char* text : texts) {
    CAPTURE(text);
    Model source = made(text);
    source.network->visit([](const std::string& name, Parameter& p, Role) {
      if (!is_head(name)) return;
      for (int64_t i = 0; i < p.value.numel(); ++i) {
        p.value.mutable_data()[i] = static_cast<float>(i);
      }
    });
    const auto network = fine_tune_config(source, 5, false)->build();
    REQUIRE(same_head(*network, source));
    start_from(*network, source, "source", rows);
    const auto before = weights_of(*source.network);
    for (const auto& [name, values] : weights_of(*network)) {
      CAPTURE(name);
      if (!is_head(name) || name.starts_with("pre_logits.")) {
        CHECK(values == before.at(name));
        continue;
      }
      const size_t width = values.size() / rows.size();
      for (size_t i = 0; i < values.size(); ++i) {
        const size_t from = static_cast<size_t>(rows[i / width]) * width + i % width;
        REQUIRE(values[i] == before.at(name)[from]);
      }
    }
    CHECK_FALSE(same_head(*fine_tune_config(source, 4, false)->build(), source));
  }
}

TEST_CASE("fine_tune: weights of another network are refused, with what differs", "[models]") {
  Model source = made(kVit);
  VitConfig other = VitConfig::from_json(parse_json(kVit));
  other.width = 32;
  other.depth = 2;
  other.qk_norm = true;
  const auto network = other.build();
  CHECK_THROWS_WITH(start_from(*network, source, "source"),
                    Catch::Contains("source") && Catch::Contains("blocks.0.attn.q_norm.weight") &&
                        Catch::Contains("wanted"));
}
