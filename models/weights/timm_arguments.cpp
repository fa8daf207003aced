#include "models/weights/timm_arguments.hpp"

#include <array>

#include "core/text/enum_names.hpp"
#include "models/networks/bit.hpp"
#include "models/networks/resnet_config.hpp"
#include "models/weights/config_json.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

// Of training: initial values, and what is dropped then. dynamic_img_size lets a network take other
// sizes, and changes nothing at its own.
constexpr auto kOfTraining = std::to_array<std::string_view>(
    {"drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate", "attn_drop_rate",
     "drop_path_rate", "drop_block_rate", "weight_init", "fix_init", "zero_init_last",
     "dynamic_img_size"});

constexpr EnumNames<Activation, 5> kActivations = {{{Activation::kGelu, "gelu"},
                                                    {Activation::kGeluTanh, "gelu_tanh"},
                                                    {Activation::kQuickGelu, "quick_gelu"},
                                                    {Activation::kSilu, "silu"},
                                                    {Activation::kRelu, "relu"}}};

/// What weights show under timm's names and ours.
void take_said(KnownKeys& arguments, json& said, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const json* value = arguments.find(name)) said[name] = *value;
  }
}

/// A size that may be one number.
void take_size(KnownKeys& arguments, json& said, const char* name) {
  const json* value = arguments.find(name);
  if (value == nullptr) return;
  int64_t height = 0;
  int64_t width = 0;
  arguments.reading(name, [&] { read_size(*value, height, width); });
  said[name] = {height, width};
}

void read_vit(KnownKeys& arguments, const VitConfig& known, json& said, SourceFacts& facts) {
  // Heads cannot be seen: those of the architecture are right for its width alone.
  said["embed_dim"] = known.width;
  take_said(arguments, said,
            {"embed_dim", "depth", "mlp_ratio", "in_chans", "num_classes", "qkv_bias", "qk_norm",
             "pre_norm", "class_token", "no_embed_class", "reg_tokens", "fc_norm", "proj_bias",
             "scale_attn_norm", "scale_mlp_norm"});
  take_size(arguments, said, "patch_size");
  if (const json* size = arguments.find("img_size")) {
    arguments.reading("img_size", [&] { read_size(*size, facts.image_height, facts.image_width); });
  }
  if (arguments.is_null("init_values")) said["layer_scale"] = false;
  if (double scale = 0; arguments.read("init_values", scale)) {
    said["layer_scale"] = scale != 0;
  }
  arguments.require("pos_embed", {"learn", "none", ""});
  if (std::string position; arguments.read("pos_embed", position)) {
    facts.no_position = position != "learn";
  }
  if (known.family == VitFamily::kVit) said["position"] = facts.no_position ? "none" : "learned";
  arguments.read("num_heads", facts.heads);
  if (arguments.is_null("act_layer")) facts.activation = Activation::kGelu;
  if (std::string name; arguments.read("act_layer", name)) {
    arguments.reading("act_layer",
                      [&] { facts.activation = value_of(kActivations, "act_layer", name); });
  }
  // timm's LayerNorm has this eps, whatever the architecture had before.
  arguments.require("norm_layer", {"layernorm"});
  if (arguments.find("norm_layer") != nullptr || arguments.is_null("norm_layer")) {
    facts.norm_eps = 1e-6;
  }
  arguments.read("final_norm", facts.final_norm);
  arguments.read("pool_include_prefix", facts.pool_prefix);
  arguments.require("dynamic_img_pad", {false});
}

/// Batch norm, or group norm with 32 groups.
void take_norm(KnownKeys& arguments, json& said) {
  arguments.require("norm_layer", {"batchnorm", "batchnorm2d", "groupnorm"});
  if (arguments.find("norm_layer") == nullptr) return;
  const bool group = *arguments.find("norm_layer") == "groupnorm";
  said["norm"] = group ? "groupnorm" : "batchnorm";
  if (group) said["groups"] = ImageNormOptions().groups;
}

/// block_args replace those of the architecture, and can name an attention to channels.
void take_attention(KnownKeys& arguments, json& said) {
  const json* blocks = arguments.find("block_args");
  if (blocks == nullptr) return;
  const json attention = blocks->is_object() ? blocks->value("attn_layer", json()) : json();
  const bool known = attention == "se" || attention == "eca";
  const size_t keys = known || (blocks->is_object() && blocks->contains("attn_layer")) ? 1 : 0;
  if (!blocks->is_object() || blocks->size() > keys || (!known && !attention.is_null())) {
    arguments.refuse("block_args",
                     R"(known are {}, {"attn_layer": "se"} and {"attn_layer": "eca"})");
  }
  said["attn"] = known ? attention : json("");
  if (attention == "se") said["se_ratio"] = ResNetConfig().se_ratio;
}

void read_resnet(KnownKeys& arguments, const ResNetConfig& known, json& said) {
  take_said(arguments, said,
            {"layers", "channels", "cardinality", "base_width", "stem_type", "avg_down",
             "replace_stem_pool", "in_chans", "num_classes"});
  // A stem of one convolution has 64 channels, whatever this says.
  int64_t width = known.stem_width;
  const std::string stem = arguments.value_or("stem_type", std::string());
  if (arguments.read("stem_width", width) && (known.deep() || !stem.empty())) {
    said["stem_width"] = width;
  }
  arguments.require("output_stride", {32});
  arguments.require("block_reduce_first", {1});
  arguments.require("down_kernel_size", {1});
  arguments.require("act_layer", {"relu"});
  take_norm(arguments, said);
  take_attention(arguments, said);
}

constexpr EnumNames<Stem, 4> kStems = {{{Stem::kFixed, "fixed"},
                                        {Stem::kPlain, ""},
                                        {Stem::kDeep, "deep"},
                                        {Stem::kTiered, "tiered"}}};

void read_bit(KnownKeys& arguments, const BitConfig& known, json& said, SourceFacts& facts) {
  constexpr int64_t kUsualStem = 64;
  take_said(arguments, said,
            {"layers", "bottle_ratio", "preact", "basic", "avg_down", "in_chans", "num_classes"});
  const ResNetV2Config& backbone = known.backbone;
  int64_t times = backbone.stem_channels / kUsualStem;
  int64_t stem = kUsualStem;
  std::vector<int64_t> channels = backbone.channels;
  for (int64_t& n : channels) n /= times;
  arguments.read("width_factor", times);
  arguments.read("stem_chs", stem);
  arguments.read("channels", channels);
  for (int64_t& n : channels) n *= times;
  said["channels"] = channels;
  said["stem_chs"] = stem * times;
  if (bool average = false; arguments.read("avg_down", average)) facts.avg_down = average;
  if (std::string name; arguments.read("stem_type", name)) {
    arguments.reading("stem_type", [&] { facts.stem = value_of(kStems, "stem_type", name); });
    said["stem_type"] = name;
  }
  take_norm(arguments, said);
  arguments.require("output_stride", {32});
  arguments.require("act_layer", {"relu"});
}

}  // namespace

void set_hidden(const NetworkConfig& known, SourceFacts& facts) {
  const ResNetV2Config* backbone = nullptr;
  if (const auto* vit = dynamic_cast<const VitConfig*>(&known)) {
    facts.heads = vit->heads;
    facts.norm_eps = vit->norm_eps;
    facts.activation = vit->activation;
    facts.activation_said = true;
    facts.pool = vit->pool;
    facts.family = vit->family;
    facts.rope = vit->rope;
    facts.no_position = vit->position == Position::kNone;
    facts.block_form = vit->block_form;
    facts.pool_heads = vit->pool_heads;
    facts.pool_prefix = vit->pool_prefix;
    facts.final_norm = vit->final_norm;
    if (vit->backbone) backbone = &*vit->backbone;
  }
  if (const auto* bit = dynamic_cast<const BitConfig*>(&known)) backbone = &bit->backbone;
  if (const auto* resnet = dynamic_cast<const ResNetConfig*>(&known)) {
    facts.groups = resnet->norm.groups;
    facts.gn_eps = resnet->norm.gn_eps;
  }
  if (backbone == nullptr) return;
  facts.groups = backbone->norm.groups;
  facts.gn_eps = backbone->norm.gn_eps;
  facts.standardize = backbone->standardize;
  facts.avg_down = backbone->avg_down;
  facts.conv_eps = backbone->conv_eps;
  facts.conv_eps_form = backbone->conv_eps_form;
  facts.stem = backbone->stem;
}

void read_timm_arguments(KnownKeys& arguments, const NetworkConfig& known, json& said,
                         SourceFacts& facts) {
  if (const auto* vit = dynamic_cast<const VitConfig*>(&known)) {
    read_vit(arguments, *vit, said, facts);
  } else if (const auto* resnet = dynamic_cast<const ResNetConfig*>(&known)) {
    read_resnet(arguments, *resnet, said);
  } else if (const auto* bit = dynamic_cast<const BitConfig*>(&known)) {
    read_bit(arguments, *bit, said, facts);
  }
  if (arguments.find("global_pool") != nullptr) {
    facts.pool = read_timm_pool(arguments, "global_pool", known);
  }
  arguments.finish(kOfTraining);
}

Pool read_timm_pool(KnownKeys& keys, std::string_view key, const NetworkConfig& known) {
  const auto* vit = dynamic_cast<const VitConfig*>(&known);
  if (vit == nullptr || vit->distilled) {
    keys.require(key, {vit == nullptr ? "avg" : "token"});
  } else {
    keys.require(key, {"token", "avg", "max", "avgmax", "map"});
  }
  const std::string name = keys.value_or(key, std::string("token"));
  return name == "avg"      ? Pool::kMean
         : name == "max"    ? Pool::kMax
         : name == "avgmax" ? Pool::kMeanMax
         : name == "map"    ? Pool::kMap
                            : Pool::kToken;
}

}  // namespace vitrine
