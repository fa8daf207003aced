#include "models/weights/hugging_face_network.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "models/networks/bit.hpp"
#include "models/networks/resnet_config.hpp"
#include "models/weights/config_json.hpp"
#include "models/weights/hugging_face_activations.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// The part of a network that a claim is about.
template <class Config>
const Config& part_of(const NetworkConfig& network) {
  return dynamic_cast<const Config&>(network);
}
template <>
const ResNetV2Config& part_of(const NetworkConfig& network) {
  const auto* bit = dynamic_cast<const BitConfig*>(&network);
  return bit != nullptr ? bit->backbone : *part_of<VitConfig>(network).backbone;
}

/// That the weights have what is said, in the same form: of(part) or of(part, said).
template <class Config, class Of>
void claim(Claims& claims, const std::string& key, const json& said, Of of) {
  claims.push_back({[key, said = keep(said), of](const Shown& shown) -> std::string {
    const auto& part = part_of<Config>(shown.network);
    json found;
    if constexpr (std::is_invocable_v<Of, const Config&, const json&>) {
      found = of(part, *said);
    } else {
      found = of(part);
    }
    if (found == *said) return "";
    return fmt::format("{} is {}, in the weights it is {}", key, write_json_lossy(*said),
                       write_json_lossy(found));
  }});
}

/// The same if the file has the key. `place` is where it lies in the file: "backbone_config."
template <class Config, class Of>
void claim_key(Claims& claims, KnownKeys& keys, const char* key, Of of,
               const std::string& place = "") {
  if (const json* said = keys.find(key)) claim<Config>(claims, place + key, *said, of);
}

/// That the weights are of this kind of network; comes before what is said of its parts.
template <class Config>
void claim_kind(Claims& claims, const HfType& type) {
  claims.push_back({[&type](const Shown& shown) -> std::string {
    if (dynamic_cast<const Config*>(&shown.network) != nullptr) return "";
    return fmt::format("model_type is \"{}\", the weights are another network: {}", type.name,
                       shown.network.summary());
  }});
}

Activation read_activation(KnownKeys& keys, std::string_view usual) {
  std::string name(usual);
  keys.read("hidden_act", name);
  for (const auto& [activation, text] : kHuggingFaceActivations) {
    if (text == name) return activation;
  }
  std::string known;
  for (const auto& [activation, text] : kHuggingFaceActivations) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", text);
  }
  keys.refuse("hidden_act", "known are " + known);
}

/// How the backbone of a BiT or a hybrid pads, and what else its configuration says.
void read_resnetv2(KnownKeys& keys, const std::string& place, SourceFacts& facts) {
  std::string padding;
  keys.read("global_padding", padding);
  const bool same = padding == "same" || padding == "SAME";
  if (!same && !padding.empty()) keys.refuse("global_padding", "known are SAME and null");
  facts.stem = same ? Stem::kSame : Stem::kFixed;
  // The stem's pooling has a switch of its own, which no network sets another way.
  if (keys.value_or("embedding_dynamic_padding", false) != same) {
    keys.refuse("embedding_dynamic_padding", "it goes with global_padding SAME, and with it alone");
  }
  keys.require("hidden_act", {"relu"});
  keys.require("output_stride", {32});
  keys.read("num_groups", facts.groups);
  keys.require("layer_type", {"preactivation", "bottleneck"});
  keys.require("width_factor", {1});
  const auto claimed = [&](const char* key, auto of) {
    claim_key<ResNetV2Config>(facts.claims, keys, key, of, place);
  };
  claimed("layer_type",
          [](const ResNetV2Config& c) { return c.preact ? "preactivation" : "bottleneck"; });
  claimed("embedding_size", [](const ResNetV2Config& c) { return c.stem_channels; });
  claimed("depths", [](const ResNetV2Config& c) { return c.layers; });
  facts.standardize = true;
  facts.avg_down = false;
  claim<ResNetV2Config>(facts.claims, place + "norm", "groupnorm",
                        [](const ResNetV2Config& c) { return name_of(kImageNorms, c.norm.kind); });
  // A backbone leaves out the last stage.
  claimed("hidden_sizes", [](const ResNetV2Config& c, const json& said) {
    const bool longer = said.is_array() && said.size() > c.channels.size();
    json found = c.channels;
    for (size_t i = c.channels.size(); longer && i < said.size(); ++i) found.push_back(said[i]);
    return found;
  });
}

/// Reads what is said of a BiT.
void read_bit(KnownKeys& keys, const HfType& type, SourceFacts& facts) {
  claim_kind<BitConfig>(facts.claims, type);
  claim_key<BitConfig>(facts.claims, keys, "num_channels",
                       [](const BitConfig& c) { return c.channels; });
  read_resnetv2(keys, "", facts);
}

/// The same of a ResNet with batch norm.
void read_resnet(KnownKeys& keys, const HfType& type, SourceFacts& facts) {
  keys.require("hidden_act", {"relu"});
  keys.require("embedding_size", {64});
  keys.require("downsample_in_first_stage", {false});
  keys.require("downsample_in_bottleneck", {false});
  keys.require("layer_type", {"basic", "bottleneck"});
  claim_kind<ResNetConfig>(facts.claims, type);
  const auto claimed = [&](const char* key, auto of) {
    claim_key<ResNetConfig>(facts.claims, keys, key, of);
  };
  claimed("num_channels", [](const ResNetConfig& c) { return c.channels; });
  claimed("layer_type", [](const ResNetConfig& c) {
    return c.block == ResNetBlock::kBasic ? "basic" : "bottleneck";
  });
  claimed("depths", [](const ResNetConfig& c) { return c.layers; });
  claimed("hidden_sizes", [](const ResNetConfig& c) {
    std::vector<int64_t> channels = c.planes;
    for (int64_t& n : channels) n *= c.expansion();
    return channels;
  });
}

/// Of a hybrid's configuration, what is said of the ResNet before its patches.
void read_backbone(KnownKeys& keys, std::string_view path, SourceFacts& facts) {
  keys.require("use_timm_backbone", {false});
  keys.find("use_pretrained_backbone");  // where its weights came from before they were trained
  keys.find("backbone_featmap_shape");   // follows from the image size
  const json* object = keys.find("backbone_config");
  if (object == nullptr) return;
  const std::string place = "backbone_config.";
  KnownKeys inner(*object, path, place);
  inner.require("model_type", {"bit"});
  inner.require("pruned_heads", {json::object()});
  for (const char* of_whole : {"architectures", "id2label", "problem_type"}) inner.find(of_whole);
  claim_key<VitConfig>(facts.claims, inner, "num_channels",
                       [](const VitConfig& c) { return c.channels; });
  const auto claimed = [&](const char* key, auto of) {
    claim_key<ResNetV2Config>(facts.claims, inner, key, of, place);
  };
  claimed("out_features", [](const ResNetV2Config& c) {
    return json::array({fmt::format("stage{}", c.layers.size())});
  });
  claimed("out_indices", [](const ResNetV2Config& c) { return json::array({c.layers.size()}); });
  read_resnetv2(inner, place, facts);
  inner.finish(kHarmlessHfKeys);
}

/// The model_type whose weights look like this; a vit_mae's look like a vit's.
std::string_view type_of(const VitConfig& c) {
  if (c.backbone) return "vit-hybrid";
  if (c.family == VitFamily::kBeit) return "beit";
  if (c.family == VitFamily::kEva) return "dinov3_vit";
  if (c.norm == NormKind::kRms) return "aimv2_vision_model";
  if (!c.class_token && !c.pre_norm) return "siglip_vision_model";
  if (c.pre_norm) return "clip_vision_model";
  if (c.layer_scale > 0) return c.registers > 0 ? "dinov2_with_registers" : "dinov2";
  return c.distilled || c.registers > 0 ? "deit" : "vit";
}

/// The name that type_of has for a model_type whose weights are another's.
std::string_view looks_like(std::string_view type) {
  if (type == "vit_mae") return "vit";
  if (type == "metaclip_2_vision_model") return "clip_vision_model";
  return type == "data2vec-vision" ? "beit" : type;
}

/// DINOv3: rotary positions, which weights do not show.
void read_dinov3(KnownKeys& keys, SourceFacts& facts) {
  facts.family = VitFamily::kEva;
  RotaryConfig& rope = facts.rope.emplace();
  rope.table.rule = RotaryRule::kDinov3;
  rope.table.layout = RotaryLayout::kHalf;
  rope.table.temperature = 100;
  const auto positive = [&](const char* key, double& value) {
    if (keys.read(key, value) && !(value > 0)) keys.refuse(key, "it must be positive");
  };
  positive("rope_theta", rope.table.temperature);
  if (const json* said = keys.find("rope_parameters")) {
    keys.reading("rope_parameters", [&] {
      KnownKeys inner(*said, "config.json", "rope_parameters.");
      inner.require("rope_type", {"default"});
      inner.read("rope_theta", rope.table.temperature);
      inner.finish();
    });
  }
  keys.require("key_bias", {false});
  keys.require("proj_bias", {true});
  keys.require("mlp_bias", {true});
  const auto claimed = [&](const char* key, auto of) {
    claim_key<VitConfig>(facts.claims, keys, key, of);
  };
  claimed("query_bias", [](const VitConfig& c) { return c.qkv_bias; });
  claimed("value_bias", [](const VitConfig& c) { return c.qkv_bias; });
  claimed("use_gated_mlp", [](const VitConfig& c) { return c.mlp == MlpKind::kGated; });
}

/// BEiT: positions as a bias of the scores, or added; LayerScale; how it pools.
void read_beit(KnownKeys& keys, SourceFacts& facts) {
  facts.family = VitFamily::kBeit;
  facts.resampling = PositionResampling::kBicubic;
  const bool mean = keys.value_or("use_mean_pooling", true);
  facts.pool = mean ? Pool::kMean : Pool::kToken;
  const auto said = [&](const char* key, auto of) {
    claim<VitConfig>(facts.claims, key, keys.value_or(key, false), of);
  };
  said("use_relative_position_bias", [](const VitConfig& c) { return c.rel_pos_bias; });
  said("use_shared_relative_position_bias",
       [](const VitConfig& c) { return c.shared_rel_pos_bias; });
  said("use_absolute_position_embeddings", [](const VitConfig& c) { return c.embeds_position(); });
  claim<VitConfig>(facts.claims, "layer_scale_init_value above 0",
                   keys.value_or("layer_scale_init_value", 0.1) > 0,
                   [](const VitConfig& c) { return c.layer_scale > 0; });
  facts.no_position = !keys.value_or("use_absolute_position_embeddings", false);
}

/// Numbers that enter the last layer of DINOv2's gated MLP.
int64_t gated_hidden(double width, double ratio) {
  constexpr int64_t kMultiple = 8;
  const auto rows = static_cast<int64_t>(width * ratio);
  return (rows * 2 / 3 + kMultiple - 1) / kMultiple * kMultiple;
}

/// That the MLP is as wide as mlp_ratio says, and has a gate or not.
void claim_dinov2_mlp(KnownKeys& keys, const HfType& type, SourceFacts& facts) {
  const bool dinov2 = type.name.starts_with("dinov2");
  if (!dinov2) keys.require("use_swiglu_ffn", {false});
  const bool gated = keys.value_or("use_swiglu_ffn", false);
  if (gated) facts.activation = Activation::kSilu;  // whatever hidden_act says
  if (dinov2) {
    claim<VitConfig>(facts.claims, "use_swiglu_ffn", gated,
                     [](const VitConfig& c) { return c.mlp != MlpKind::kPlain; });
  }
  double ratio = 0;
  if (!keys.read("mlp_ratio", ratio)) return;
  constexpr double kMost = 1000;
  if (!(ratio > 0 && ratio <= kMost)) keys.refuse("mlp_ratio", "it must be 0 to 1000");
  claim<VitConfig>(facts.claims, "mlp_ratio", ratio, [ratio, gated](const VitConfig& c) {
    const auto width = static_cast<double>(c.width);
    const int64_t hidden = gated ? gated_hidden(width, ratio) : static_cast<int64_t>(width * ratio);
    return hidden == c.hidden() ? ratio : c.mlp_ratio;
  });
}

/// AIMv2: a tower without the head of AIMv2-lit, whose attention pooling has no query's layer, MLP
/// or norm. Its patches are pooled by their mean, as timm does.
void read_aimv2(KnownKeys& keys, SourceFacts& facts) {
  if (keys.value_or("use_head", true)) {
    keys.refuse("use_head", "it must be false: AIMv2 with its attention pooling is not known");
  }
  keys.require("is_native", {false});
  constexpr int64_t kHeads = 8;
  facts.heads = keys.value_or("num_attention_heads", kHeads);
  facts.norm_eps = keys.value_or("rms_norm_eps", facts.norm_eps);
  facts.pool = Pool::kMean;
  claim_key<VitConfig>(facts.claims, keys, "mlp_bias",
                       [](const VitConfig& c) { return c.proj_bias; });
}

/// How the class pools, and what its configuration says of that.
void read_pool(KnownKeys& keys, const HfType& type, Head head, SourceFacts& facts) {
  facts.pool = head == Head::kTokenMean ? Pool::kTokenMean
               : head == Head::kRawMean ? Pool::kRawMean
               : head == Head::kMap     ? Pool::kMap
               : head == Head::kMean    ? Pool::kMean
                                        : Pool::kToken;
  if (type.name != "siglip_vision_model") return;
  if (head == Head::kUnknown) facts.pool.reset();
  if (head == Head::kMap) keys.require("vision_use_head", {true});
  keys.find("vision_use_head");
}

/// The same of a transformer.
void read_vit(KnownKeys& keys, const HfType& type, Head head, std::string_view path,
              SourceFacts& facts) {
  read_pool(keys, type, head, facts);
  const bool dinov3 = type.name == "dinov3_vit";
  constexpr int64_t kDinov3Heads = 6;
  facts.heads = keys.value_or("num_attention_heads", dinov3 ? kDinov3Heads : int64_t{12});
  facts.norm_eps = keys.value_or("layer_norm_eps", type.norm_eps);
  facts.activation = read_activation(keys, type.activation);
  facts.activation_said = true;
  if (const json* size = keys.find("image_size")) {
    keys.reading("image_size", [&] { read_size(*size, facts.image_height, facts.image_width); });
  } else if (dinov3) {
    facts.image_height = facts.image_width = 224;
  }
  claim_kind<VitConfig>(facts.claims, type);
  claim<VitConfig>(facts.claims, "model_type", looks_like(type.name), type_of);
  claim_dinov2_mlp(keys, type, facts);
  if (dinov3) read_dinov3(keys, facts);
  if (type.name == "aimv2_vision_model") read_aimv2(keys, facts);
  if (looks_like(type.name) == "beit") read_beit(keys, facts);
  const auto claimed = [&](const char* key, auto of) {
    claim_key<VitConfig>(facts.claims, keys, key, of);
  };
  if (keys.find("patch_size") != nullptr) {
    int64_t height = 0;
    int64_t width = 0;
    keys.reading("patch_size", [&] { read_size(*keys.find("patch_size"), height, width); });
    claim<VitConfig>(facts.claims, "patch_size", {height, width},
                     [](const VitConfig& c) { return json{c.patch_height, c.patch_width}; });
  }
  claimed("hidden_size", [](const VitConfig& c) { return c.width; });
  claimed("num_hidden_layers", [](const VitConfig& c) { return c.depth; });
  claimed("intermediate_size", [](const VitConfig& c) { return c.hidden(); });
  claimed("qkv_bias", [](const VitConfig& c) { return c.qkv_bias; });
  claimed("num_register_tokens", [](const VitConfig& c) { return c.registers; });
  claimed("num_channels", [](const VitConfig& c) { return c.channels; });
  if (head == Head::kProjection) {
    claimed("projection_dim", [](const VitConfig& c) { return c.classes; });
  }
  if (type.name == "vit-hybrid") read_backbone(keys, path, facts);
}

}  // namespace

void read_hugging_face_network(KnownKeys& keys, const HfType& type, Head head,
                               std::string_view path, SourceFacts& facts) {
  if (type.name == "resnet") return read_resnet(keys, type, facts);
  if (type.name == "bit") return read_bit(keys, type, facts);
  read_vit(keys, type, head, path, facts);
}

}  // namespace vitrine
