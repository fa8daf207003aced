#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>

#include "models/bit.hpp"
#include "models/config_json.hpp"
#include "models/hugging_face_activations.hpp"
#include "models/hugging_face_classes.hpp"
#include "models/hugging_face_preprocess.hpp"
#include "models/known_keys.hpp"
#include "models/resnet_config.hpp"
#include "models/source_facts.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr int64_t kMostChannels = 1024;

/// What a configuration says of something that the weights have as well, each in the same form.
template <class Config>
struct Claim {
  std::string key;
  json said;
  std::function<json(const Config&)> of;
};

template <class Config>
using Claims = std::vector<Claim<Config>>;

/// Throws FormatError if a network is not the one that the file describes.
using Check = std::function<void(const NetworkConfig&)>;

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
Check checking(Claims<Config> claims, const HfType& type, std::string_view path) {
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

const HfType& hf_type(const std::string& name, const KnownKeys& keys) {
  const auto* const found = std::ranges::find(kHfTypes, std::string_view(name), &HfType::name);
  if (found != kHfTypes.end()) return *found;
  std::string known;
  for (const HfType& type : kHfTypes) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", type.name);
  }
  keys.refuse("model_type", "known are " + known);
}

/// What the class that wrote the weights has behind its encoder.
Head head_of(KnownKeys& keys, std::string_view model_type) {
  std::vector<std::string> names;
  keys.read("architectures", names);
  if (names.empty()) return Head::kUnknown;
  const std::string_view name = names.front();
  const auto* const other =
      std::ranges::find(kOtherHfArchitectures, name, &OtherArchitecture::name);
  if (other != kOtherHfArchitectures.end()) keys.refuse("architectures", other->what);
  const auto* const found = std::ranges::find(kHfArchitectures, name, &HfArchitecture::name);
  if (names.size() > 1 || found == kHfArchitectures.end() || found->model_type != model_type) {
    std::string known;
    for (const HfArchitecture& one : kHfArchitectures) {
      if (one.model_type == model_type) {
        known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
      }
    }
    keys.refuse("architectures", fmt::format("known for model_type {} are {}", model_type, known));
  }
  return found->head;
}

/// One name for each class from 0 on, or none and a note why not.
std::vector<std::string> read_labels(KnownKeys& keys, std::vector<std::string>& notes) {
  const json* names = keys.find("id2label");
  if (names == nullptr) return {};
  if (!names->is_object()) keys.refuse("id2label", "it must be an object: number to name");
  std::vector<std::string> labels(names->size());
  std::vector<bool> named(names->size());
  for (const auto& [key, value] : names->items()) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    if (error != std::errc() || end != key.data() + key.size()) {
      keys.refuse("id2label", fmt::format("'{}' is no number of a class", key));
    }
    if (index >= labels.size() || named[index]) continue;
    named[index] = true;
    if (!value.is_string() && !value.is_number()) {
      keys.refuse("id2label", fmt::format("the name of class {} is no text", index));
    }
    labels[index] = value.is_string() ? value.get<std::string>() : write_json(value);
  }
  const auto missing = std::ranges::find(named, false) - named.begin();
  if (missing == static_cast<int64_t>(named.size())) return labels;
  notes.push_back(fmt::format(
      "id2label of config.json has {} names and none for class {}: its labels are left out, since "
      "they may be shifted; give them with --labels",
      names->size(), missing));
  return {};
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
Check read_bit(KnownKeys& keys, const HfType& type, std::string_view path, SourceFacts& facts) {
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
Check read_resnet(KnownKeys& keys, const HfType& type, std::string_view path) {
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
Check read_vit(KnownKeys& keys, const HfType& type, std::string_view path, SourceFacts& facts) {
  facts.pool = Pool::kToken;
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
  if (type.name == "vit-hybrid") read_backbone(keys, path, facts, claims);
  double ratio = 0;
  if (keys.read("mlp_ratio", ratio)) {
    claims.push_back({"mlp_ratio", ratio, [ratio](const VitConfig& c) {
                        const auto hidden =
                            static_cast<int64_t>(static_cast<double>(c.width) * ratio);
                        return hidden == c.hidden() ? ratio : c.mlp_ratio;
                      }});
  }
  return checking(std::move(claims), type, path);
}

/// Throws if the weights have another head than the class that wrote them.
void check_head(Head head, const NetworkConfig& c, std::string_view path) {
  const auto refuse = [&](std::string_view what) {
    mismatch(path, fmt::format("architectures names a class {}", what));
  };
  const auto* vit = dynamic_cast<const VitConfig*>(&c);
  const bool two = vit != nullptr && vit->distilled;
  if (head == Head::kNone && c.classes > 0) refuse("without a classifier; the weights have one");
  if (head == Head::kProjection && c.classes == 0) {
    refuse("with a visual_projection; the weights have none");
  }
  if (head == Head::kTwo && !two) {
    refuse("with a distillation_classifier; the weights have none");
  }
  if (head != Head::kClassifier) return;
  if (c.classes == 0) refuse("with a classifier; the weights have none");
  if (two) refuse("with one classifier; the weights have a distillation_classifier as well");
  if (c.classes == 1) refuse("with a classifier of one number: a regression, not a choice");
}

/// The image tower's part of the configuration of a whole CLIP.
json vision_part(const json& whole, std::string_view path) {
  KnownKeys keys(whole, path);
  // The second, where there is one, wins: transformers' CLIPConfig.
  const json* first = keys.find("vision_config");
  const json* second = keys.find("vision_config_dict");
  if (first == nullptr && second == nullptr) keys.refuse("vision_config", "it describes the tower");
  json part = second != nullptr ? *second : *first;
  if (!part.is_object()) keys.refuse("vision_config", "it must be an object");
  for (const char* of_whole : {"model_type", "architectures", "id2label", "num_labels",
                               "problem_type", "projection_dim"}) {
    if (const json* value = keys.find(of_whole)) {
      part[of_whole] = *value;
    } else {
      part.erase(of_whole);
    }
  }
  keys.finish(kHarmlessHfKeys);
  part["model_type"] = "clip_vision_model";
  return part;
}

/// What the image processor of the folder does; transformers looks for it in this order.
void read_processor(std::string_view preprocessor, std::string_view processor, const HfType& type,
                    int64_t channels, const std::filesystem::path& folder, SourceFacts& facts) {
  std::string file = "processor_config.json";
  std::string place = "image_processor.";
  json object;
  if (!processor.empty()) {
    const json whole = parse_object(processor, (folder / file).string());
    object = whole.value("image_processor", json());
  }
  if (object.is_null()) {
    if (preprocessor.empty()) {
      facts.preprocess.crop_rounding = CropRounding::kDown;
      return;
    }
    file = "preprocessor_config.json";
    place.clear();
    object = parse_object(preprocessor, (folder / file).string());
  }
  const std::string path = (folder / file).string();
  const auto [rule, name] =
      read_hugging_face_preprocess(object, {path, place, type.name, static_cast<int>(channels)});
  facts.preprocess = rule;
  facts.preprocess_source = fmt::format("{} ({})", file, name);
  facts.picture_size_is_its_own = true;
  if (facts.image_height == 0) {  // networks of convolutions take what the pictures give
    facts.image_height = rule.height;
    facts.image_width = rule.width;
  }
}

}  // namespace

bool is_hugging_face_config(std::string_view config) { return has_text(config, "model_type"); }

SourceFacts facts_of_hugging_face(std::string_view config, std::string_view preprocessor,
                                  std::string_view path, std::string_view processor) {
  json object = parse_object(config, path);
  if (object.value("model_type", json()) == "clip") object = vision_part(object, path);
  KnownKeys keys(object, path);
  std::string type_name;
  keys.read("model_type", type_name);
  const HfType& type = hf_type(type_name, keys);
  SourceFacts facts = facts_of_origin(type.origin);
  facts.source = fmt::format("config.json (Hugging Face {})", type.name);
  facts.lone_distillation_token = true;
  if (type.name == "dinov2_with_registers") {  // alone among its siblings
    facts.resampling = PositionResampling::kBicubicAntialias;
  }
  const Head head = head_of(keys, type.name);
  keys.require("pruned_heads", {json::object()});
  const int64_t channels = keys.value_or("num_channels", int64_t{3});
  if (channels < 1 || channels > kMostChannels) keys.refuse("num_channels", "it must be 1 to 1024");
  const Check check = type.name == "resnet" ? read_resnet(keys, type, path)
                      : type.name == "bit"  ? read_bit(keys, type, path, facts)
                                            : read_vit(keys, type, path, facts);
  keys.find("num_labels");  // id2label's own, or the weights'
  keys.find("id2label");
  if (head != Head::kNone && head != Head::kProjection) {
    facts.labels = read_labels(keys, facts.notes);
    keys.require("problem_type", {"single_label_classification"});
  }
  keys.find("problem_type");
  keys.find("projection_dim");
  keys.finish(kHarmlessHfKeys);
  facts.agrees = [check, head, path = std::string(path)](const NetworkConfig& c) {
    check(c);
    check_head(head, c, path);
  };
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  read_processor(preprocessor, processor, type, channels, folder, facts);
  return facts;
}

}  // namespace vitrine
