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

/// What a configuration says of something that the weights have as well, each in the same form.
template <class Config>
struct Claim {
  std::string key;
  json said;
  std::function<json(const Config&)> of;
};

template <class Config>
using Claims = std::vector<Claim<Config>>;

/// Notes a claim if the file has the key.
template <class Config, class Of>
void claim(Claims<Config>& claims, KnownKeys& keys, const char* key, Of of) {
  if (const json* said = keys.find(key)) claims.push_back({key, *said, of});
}

/// The same of a size that is a number, or height and width.
template <class Config, class Of>
void claim_sides(Claims<Config>& claims, KnownKeys& keys, const char* key, Of of) {
  const json* said = keys.find(key);
  if (said == nullptr) return;
  int64_t height = 0;
  int64_t width = 0;
  keys.reading(key, [&] { read_size(*said, height, width); });
  claims.push_back({key, {height, width}, of});
}

[[noreturn]] void mismatch(std::string_view path, const std::string& what) {
  throw FormatError(FormatKind::kMismatch, path, -1, what);
}

/// Throws if the weights are of another kind of network, or one of the claims is not true of them.
template <class Config>
HfNetworkCheck checking(Claims<Config> claims, const HfType& type, std::string_view path) {
  return [claims = std::move(claims), &type, path = std::string(path)](const NetworkConfig& found) {
    const auto* config = dynamic_cast<const Config*>(&found);
    if (config == nullptr) {
      mismatch(path, fmt::format("model_type is \"{}\", the weights are another network: {}",
                                 type.name, found.summary()));
    }
    for (const Claim<Config>& claim : claims) {
      const json value = claim.of(*config);
      if (value == claim.said) continue;
      mismatch(path, fmt::format("{} is {}, in the weights it is {}", claim.key,
                                 write_json_lossy(claim.said), write_json_lossy(value)));
    }
  };
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
void read_resnetv2(KnownKeys& keys, const std::string& place, SourceFacts& facts,
                   Claims<ResNetV2Config>& claims) {
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
  claim(claims, keys, "layer_type",
        [](const ResNetV2Config& c) { return c.preact ? "preactivation" : "bottleneck"; });
  claim(claims, keys, "embedding_size", [](const ResNetV2Config& c) { return c.stem_channels; });
  claim(claims, keys, "depths", [](const ResNetV2Config& c) { return c.layers; });
  if (const json* sizes = keys.find("hidden_sizes")) {  // a backbone leaves out the last stage
    claims.push_back({"hidden_sizes", *sizes, [said = *sizes](const ResNetV2Config& c) {
                        const bool longer = said.is_array() && said.size() > c.channels.size();
                        json found = c.channels;
                        for (size_t i = c.channels.size(); longer && i < said.size(); ++i) {
                          found.push_back(said[i]);
                        }
                        return found;
                      }});
  }
  for (Claim<ResNetV2Config>& claim : claims) claim.key = place + claim.key;
}

/// Reads what is said of a BiT, and returns the check of it.
HfNetworkCheck read_bit(KnownKeys& keys, const HfType& type, std::string_view path,
                        SourceFacts& facts) {
  Claims<BitConfig> claims;
  Claims<ResNetV2Config> of_features;
  claim(claims, keys, "num_channels", [](const BitConfig& c) { return c.channels; });
  read_resnetv2(keys, "", facts, of_features);
  for (const auto& [key, said, of] : of_features) {
    claims.push_back({key, said, [of = of](const BitConfig& c) { return of(c.backbone); }});
  }
  return checking(std::move(claims), type, path);
}

/// The same of a ResNet with batch norm.
HfNetworkCheck read_resnet(KnownKeys& keys, const HfType& type, std::string_view path) {
  keys.require("hidden_act", {"relu"});
  keys.require("embedding_size", {64});
  keys.require("downsample_in_first_stage", {false});
  keys.require("downsample_in_bottleneck", {false});
  keys.require("layer_type", {"basic", "bottleneck"});
  Claims<ResNetConfig> claims;
  claim(claims, keys, "num_channels", [](const ResNetConfig& c) { return c.channels; });
  claim(claims, keys, "layer_type", [](const ResNetConfig& c) {
    return c.block == ResNetBlock::kBasic ? "basic" : "bottleneck";
  });
  claim(claims, keys, "depths", [](const ResNetConfig& c) { return c.layers; });
  claim(claims, keys, "hidden_sizes", [](const ResNetConfig& c) {
    std::vector<int64_t> channels = c.planes;
    for (int64_t& n : channels) n *= c.expansion();
    return channels;
  });
  return checking(std::move(claims), type, path);
}

/// Of a hybrid's configuration, what is said of the ResNet before its patches.
void read_backbone(KnownKeys& keys, std::string_view path, SourceFacts& facts,
                   Claims<VitConfig>& claims) {
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
  Claims<ResNetV2Config> of_backbone;
  claim(of_backbone, inner, "out_features", [](const ResNetV2Config& c) {
    return json::array({fmt::format("stage{}", c.layers.size())});
  });
  claim(of_backbone, inner, "out_indices",
        [](const ResNetV2Config& c) { return json::array({c.layers.size()}); });
  read_resnetv2(inner, place, facts, of_backbone);
  claim(claims, inner, "num_channels", [](const VitConfig& c) { return c.channels; });
  inner.finish(kHarmlessHfKeys);
  for (const auto& [key, said, of] : of_backbone) {
    claims.push_back({key, said, [of = of](const VitConfig& c) { return of(*c.backbone); }});
  }
}

/// The model_type whose weights look like this; a vit_mae's look like a vit's.
std::string_view type_of(const VitConfig& c) {
  if (c.backbone) return "vit-hybrid";
  if (c.pre_norm) return "clip_vision_model";
  if (c.layer_scale > 0) return c.registers > 0 ? "dinov2_with_registers" : "dinov2";
  return c.distilled || c.registers > 0 ? "deit" : "vit";
}

/// Reads what is said of a transformer, and returns the check of it.
HfNetworkCheck read_vit(KnownKeys& keys, const HfType& type, Head head, std::string_view path,
                        SourceFacts& facts) {
  facts.pool = head == Head::kTokenMean ? Pool::kTokenMean
               : head == Head::kRawMean ? Pool::kRawMean
                                        : Pool::kToken;
  facts.heads = keys.value_or("num_attention_heads", int64_t{12});
  facts.norm_eps = keys.value_or("layer_norm_eps", type.norm_eps);
  facts.activation = read_activation(keys, type.activation);
  if (const json* size = keys.find("image_size")) {
    keys.reading("image_size", [&] { read_size(*size, facts.image_height, facts.image_width); });
  }
  keys.require("use_swiglu_ffn", {false});
  Claims<VitConfig> claims = {{"model_type", type.name == "vit_mae" ? "vit" : type.name, type_of}};
  claim_sides(claims, keys, "patch_size",
              [](const VitConfig& c) { return json{c.patch_height, c.patch_width}; });
  claim(claims, keys, "hidden_size", [](const VitConfig& c) { return c.width; });
  claim(claims, keys, "num_hidden_layers", [](const VitConfig& c) { return c.depth; });
  claim(claims, keys, "intermediate_size", [](const VitConfig& c) { return c.hidden(); });
  claim(claims, keys, "qkv_bias", [](const VitConfig& c) { return c.qkv_bias; });
  claim(claims, keys, "num_register_tokens", [](const VitConfig& c) { return c.registers; });
  claim(claims, keys, "num_channels", [](const VitConfig& c) { return c.channels; });
  if (head == Head::kProjection) {
    claim(claims, keys, "projection_dim", [](const VitConfig& c) { return c.classes; });
  }
  if (type.name == "vit-hybrid") read_backbone(keys, path, facts, claims);
  double ratio = 0;
  if (keys.read("mlp_ratio", ratio)) {
    constexpr double kMost = 1000;
    if (!(ratio > 0 && ratio <= kMost)) keys.refuse("mlp_ratio", "it must be 0 to 1000");
    claims.push_back({"mlp_ratio", ratio, [ratio](const VitConfig& c) {
                        const auto hidden =
                            static_cast<int64_t>(static_cast<double>(c.width) * ratio);
                        return hidden == c.hidden() ? ratio : c.mlp_ratio;
                      }});
  }
  return checking(std::move(claims), type, path);
}

}  // namespace

HfNetworkCheck read_hugging_face_network(KnownKeys& keys, const HfType& type, Head head,
                                         std::string_view path, SourceFacts& facts) {
  if (type.name == "resnet") return read_resnet(keys, type, path);
  if (type.name == "bit") return read_bit(keys, type, path, facts);
  return read_vit(keys, type, head, path, facts);
}

}  // namespace vitrine
