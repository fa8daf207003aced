// Networks and preprocessing as the files of transformers: the inverse of hugging_face_config and
// hugging_face_preprocess.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/bit.hpp"
#include "models/networks/resnet_config.hpp"
#include "models/weights/hugging_face_activations.hpp"
#include "models/weights/hugging_face_classes.hpp"
#include "models/weights/hugging_face_preprocess.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

[[noreturn]] void refuse_to_write(const std::string& what) {
  throw UsageError(fmt::format("no Hugging Face model has {}: write a .safetensors file", what));
}

[[noreturn]] void refuse_rule(std::string_view what) {
  throw UsageError(
      fmt::format("no image processor of Hugging Face has {}: write a .safetensors file", what));
}

void add_labels(json& config, int64_t classes, const std::vector<std::string>& labels) {
  for (int64_t i = 0; i < classes; ++i) {
    const std::string label =
        labels.empty() ? fmt::format("LABEL_{}", i) : labels[static_cast<size_t>(i)];
    config["id2label"][std::to_string(i)] = label;
    config["label2id"][label] = i;
  }
}

/// A number, or height and width.
json sides(int64_t height, int64_t width) {
  return height == width ? json(height) : json({height, width});
}

/// A second token that the class token's head alone looks at: DeiT without its second head.
bool has_lone_token(const VitConfig& c) {
  return c.registers == 1 && !c.no_embed_class && !c.distilled && !c.pre_norm && c.layer_scale == 0;
}

/// The families of transformers that have a ViT's shape.
enum class HfFamily { kVit, kClip, kSiglip, kDinov2, kDinov3, kBeit };

HfFamily family_of(const VitConfig& c) {
  if (c.family == VitFamily::kBeit) return HfFamily::kBeit;
  if (c.family == VitFamily::kEva) return HfFamily::kDinov3;
  if (c.pre_norm) return HfFamily::kClip;
  if (c.layer_scale > 0) return HfFamily::kDinov2;
  return c.class_token ? HfFamily::kVit : HfFamily::kSiglip;
}

/// What none of them has.
void check_parts(const VitConfig& c, HfFamily family) {
  if (c.backbone) refuse_to_write("a backbone (since version 5)");
  if (c.qk_norm) refuse_to_write("qk_norm");
  if (c.position == Position::kLearned2d)
    refuse_to_write("a position embedding of rows and columns");
  if (c.position == Position::kRelative) refuse_to_write("relative positions");
  if (c.position_at != PositionAt::kStart) refuse_to_write("a position embedding in every block");
  if (c.pre_logits > 0) refuse_to_write("pre_logits before a head");
  if (c.block_form != BlockForm::kPre) refuse_to_write("these blocks");
  if (c.attn_norm || c.mlp_norm) refuse_to_write("norms within the branches");
  if (c.norm != NormKind::kLayer || c.patch_norm) refuse_to_write("RMS norm");
  if (!c.proj_bias || !c.final_norm) refuse_to_write("layers without a bias, or no last norm");
  if (!c.qkv_fused) refuse_to_write("queries, keys and values apart");
  if (c.rope && family != HfFamily::kDinov3) refuse_to_write("these rotary positions");
  const bool gated = family == HfFamily::kDinov2 || family == HfFamily::kDinov3;
  if (c.mlp != MlpKind::kPlain && !gated) refuse_to_write("this MLP with gates");
  if (c.pool == Pool::kMap && family != HfFamily::kSiglip)
    refuse_to_write("attention pooling here");
  const bool none = c.position == Position::kNone;
  const bool needless = family == HfFamily::kDinov3 || family == HfFamily::kBeit;
  if (none && !needless) refuse_to_write("no position embedding");
}

void check_siglip(const VitConfig& c) {
  if (c.registers > 0 || !c.patch_bias || !c.qkv_bias || c.fc_norm) {
    refuse_to_write("SigLIP's tower with these switches");
  }
  const bool map = c.pool == Pool::kMap && c.classes == 0 && c.pool_heads == 0;
  const bool mean = c.pool == Pool::kMean && c.classes > 0;
  if (!map && !mean) refuse_to_write("a tower without a class token, this global_pool and head");
  if (map && c.pool_hidden() != c.hidden()) refuse_to_write("another MLP in attention pooling");
}

void check_dinov3(const VitConfig& c) {
  const bool dinov3 = c.rope && c.rope->table.rule == RotaryRule::kDinov3 &&
                      c.rope->table.layout == RotaryLayout::kHalf &&
                      c.position == Position::kNone && c.class_token && c.layer_scale > 0;
  if (!dinov3) refuse_to_write("a network of timm's class Eva other than DINOv3");
  if (c.classes > 0 || c.fc_norm) refuse_to_write("DINOv3 with a classifier");
  if (c.pool != Pool::kToken) {
    refuse_to_write("DINOv3 that pools its patches: set global_pool to token");
  }
  if (c.mlp == MlpKind::kGatedPacked || c.pre_norm) refuse_to_write("DINOv3 with these switches");
  if (c.qkv_bias && c.k_bias) refuse_to_write("DINOv3 with a bias of the keys");
}

void check_beit(const VitConfig& c) {
  const bool mean = c.pool == Pool::kMean && c.fc_norm;
  const bool token = c.pool == Pool::kToken && !c.fc_norm;
  if (!mean && !token) refuse_to_write("BEiT with this pooling and norm");
  if (!c.qkv_bias || c.pre_norm || !c.patch_bias) refuse_to_write("BEiT with these switches");
  if (c.classes == 0 && token) refuse_to_write("BEiT without a head, on its class token");
}

void check_dinov2(const VitConfig& c) {
  const bool head = c.pool == Pool::kTokenMean && c.classes > 0;
  if (c.pool != Pool::kToken && !head) refuse_to_write("this global_pool");
  if (c.distilled || c.fc_norm) refuse_to_write("LayerScale beside other switches");
  if (c.classes > 0 && !head) refuse_to_write("LayerScale with a head on the class token");
  if (c.mlp == MlpKind::kGated) refuse_to_write("DINOv2 with a gate apart from its value");
  if (c.registers == 0 && c.no_embed_class) {
    refuse_to_write("a position embedding of the patches alone");
  }
  if (c.registers > 0 && !c.no_embed_class) {
    refuse_to_write("LayerScale beside registers that have positions");
  }
}

void check_writable(const VitConfig& c) {
  const HfFamily family = family_of(c);
  check_parts(c, family);
  if (family == HfFamily::kSiglip) return check_siglip(c);
  if (family == HfFamily::kDinov3) return check_dinov3(c);
  if (family == HfFamily::kBeit) return check_beit(c);
  if (c.pre_norm == c.patch_bias)
    refuse_to_write("norm_pre with a bias of the patches, or neither");
  if (c.pre_norm && c.layer_scale > 0) refuse_to_write("LayerScale beside other switches");
  if (family == HfFamily::kDinov2) return check_dinov2(c);
  if (c.pool != Pool::kToken) refuse_to_write("this global_pool");
  if ((c.registers > 0 || c.no_embed_class) && !has_lone_token(c)) {
    refuse_to_write("a position embedding of the patches alone");
  }
  if (c.distilled && c.classes == 0) refuse_to_write("the mean of two tokens as its features");
  if (c.pre_norm && (c.distilled || !c.qkv_bias)) refuse_to_write("norm_pre beside other switches");
}

/// The class of transformers and its model_type.
struct Class {
  const char* name;
  const char* model_type;
};

Class class_of(const VitConfig& c) {
  const bool headless = c.classes == 0;
  switch (family_of(c)) {
    case HfFamily::kClip:
      return {headless ? "CLIPVisionModel" : "CLIPVisionModelWithProjection", "clip_vision_model"};
    case HfFamily::kSiglip:
      return {headless ? "SiglipVisionModel" : "SiglipForImageClassification",
              "siglip_vision_model"};
    case HfFamily::kDinov3:
      return {"DINOv3ViTModel", "dinov3_vit"};
    case HfFamily::kBeit:
      return {headless ? "BeitModel" : "BeitForImageClassification", "beit"};
    case HfFamily::kDinov2:
      if (c.registers > 0) {
        return {headless ? "Dinov2WithRegistersModel" : "Dinov2WithRegistersForImageClassification",
                "dinov2_with_registers"};
      }
      return {headless ? "Dinov2Model" : "Dinov2ForImageClassification", "dinov2"};
    case HfFamily::kVit:
      break;
  }
  if (c.distilled) return {"DeiTForImageClassificationWithTeacher", "deit"};
  if (has_lone_token(c)) return {headless ? "DeiTModel" : "DeiTForImageClassification", "deit"};
  return {headless ? "ViTModel" : "ViTForImageClassification", "vit"};
}

/// DINOv2 says the width of its MLP by a ratio; of one with gates two thirds, up to a multiple
/// of 8.
void add_dinov2_mlp(json& config, const VitConfig& c) {
  const bool gated = c.mlp != MlpKind::kPlain;
  const double ratio = gated ? 4 : c.mlp_ratio;
  const auto whole = static_cast<int64_t>(ratio);  // transformers 5 refuses 4.0
  const int64_t rows = c.width * whole;
  const int64_t hidden = gated ? (rows * 2 / 3 + 7) / 8 * 8 : rows;
  if (static_cast<double>(whole) != ratio || hidden != c.hidden()) {
    refuse_to_write("a broken mlp_ratio");
  }
  config["mlp_ratio"] = whole;
  config["use_swiglu_ffn"] = gated;
}

void add_dinov3(json& config, const VitConfig& c) {
  config["rope_theta"] = c.rope->table.temperature;
  config["num_register_tokens"] = c.registers;
  config["query_bias"] = config["value_bias"] = c.qkv_bias;
  config["key_bias"] = false;
  config["proj_bias"] = config["mlp_bias"] = true;
  config["use_gated_mlp"] = c.mlp == MlpKind::kGated;
}

void add_beit(json& config, const VitConfig& c) {
  config["use_relative_position_bias"] = c.rel_pos_bias;
  config["use_shared_relative_position_bias"] = c.shared_rel_pos_bias;
  config["use_absolute_position_embeddings"] = c.embeds_position();
  config["use_mean_pooling"] = c.pool == Pool::kMean;
  config["layer_scale_init_value"] = c.layer_scale;
  config["use_mask_token"] = false;
}

/// Without labels, which a projection does not have.
json config_of(const VitConfig& c) {
  check_writable(c);
  const Class as = class_of(c);
  const HfFamily family = family_of(c);
  json config = {{"architectures", {as.name}},
                 {"model_type", as.model_type},
                 {"hidden_size", c.width},
                 {"num_hidden_layers", c.depth},
                 {"num_attention_heads", c.heads},
                 {"hidden_act", name_of(kHuggingFaceActivations, c.activation)},
                 {"layer_norm_eps", c.norm_eps},
                 {"image_size", sides(c.image_height, c.image_width)},
                 {"patch_size", sides(c.patch_height, c.patch_width)}};
  if (family == HfFamily::kDinov2) {
    add_dinov2_mlp(config, c);
    if (c.registers > 0) config["num_register_tokens"] = c.registers;
  } else {
    config["intermediate_size"] = c.hidden();
  }
  if (family == HfFamily::kVit || family == HfFamily::kDinov2) config["qkv_bias"] = c.qkv_bias;
  if (family == HfFamily::kDinov3) add_dinov3(config, c);
  if (family == HfFamily::kBeit) add_beit(config, c);
  if (c.pre_norm && c.classes > 0) config["projection_dim"] = c.classes;
  return config;
}

json config_of(const ResNetConfig& c) {
  if (c.deep()) refuse_to_write("a deep stem");
  if (c.avg_down) refuse_to_write("shortcuts with average pooling");
  if (c.cardinality != 1 || c.base_width != 64) refuse_to_write("groups or a wider middle");
  if (c.attention != ChannelAttentionKind::kNone) refuse_to_write("attention to channels");
  if (c.replace_stem_pool) refuse_to_write("a convolution in place of the max pool");
  if (!c.norm.batch()) refuse_to_write("group norm in a ResNet");
  if (c.norm.bn_eps != 1e-5) refuse_to_write("a bn_eps other than 1e-5");
  std::vector<int64_t> channels = c.planes;
  for (int64_t& n : channels) n *= c.expansion();
  return {{"model_type", "resnet"},
          {"architectures", {c.classes > 0 ? "ResNetForImageClassification" : "ResNetModel"}},
          {"embedding_size", c.stem_channels()},
          {"hidden_sizes", channels},
          {"depths", c.layers},
          {"layer_type", c.block == ResNetBlock::kBasic ? "basic" : "bottleneck"},
          {"hidden_act", "relu"},
          {"downsample_in_first_stage", false},
          {"downsample_in_bottleneck", false}};
}

json config_of(const BitConfig& c) {
  const ResNetV2Config& f = c.backbone;
  const bool root = f.conv_eps_form == StandardizeForm::kRoot;
  if (f.norm.batch()) refuse_to_write("batch norm in a ResNetV2");
  if (!f.standardize) refuse_to_write("convolutions that are not standardised");
  if (f.basic || f.avg_down) refuse_to_write("basic blocks or shortcuts with average pooling");
  if (f.stem != Stem::kSame && f.stem != Stem::kFixed) refuse_to_write("this stem");
  if (f.norm.gn_eps != 1e-5 || f.conv_eps != 1e-8 || !root) refuse_to_write("these eps");
  if (f.bottle_ratio != 0.25) refuse_to_write("a bottle_ratio other than 1/4");
  const bool same = f.stem == Stem::kSame;
  return {{"model_type", "bit"},
          {"architectures", {c.classes > 0 ? "BitForImageClassification" : "BitModel"}},
          {"embedding_size", f.stem_channels},
          {"hidden_sizes", f.channels},
          {"depths", f.layers},
          {"layer_type", f.preact ? "preactivation" : "bottleneck"},
          {"hidden_act", "relu"},
          {"global_padding", same ? json("SAME") : json()},
          {"embedding_dynamic_padding", same},
          {"num_groups", f.norm.groups},
          {"width_factor", 1},
          {"output_stride", 32}};
}

/// SigLIP's classifier is described as a whole SigLIP, whose tower has no head of its own.
json whole_siglip(json tower) {
  json whole = {{"architectures", tower["architectures"]}, {"model_type", "siglip"}};
  tower.erase("architectures");
  tower["vision_use_head"] = false;
  whole["vision_config"] = std::move(tower);
  whole["text_config"] = {{"model_type", "siglip_text_model"}};
  return whole;
}

json config_of(const NetworkConfig& c) {
  if (const auto* resnet = dynamic_cast<const ResNetConfig*>(&c)) return config_of(*resnet);
  if (const auto* bit = dynamic_cast<const BitConfig*>(&c)) return config_of(*bit);
  return config_of(dynamic_cast<const VitConfig&>(c));
}

}  // namespace

json hugging_face_preprocess(const Preprocess& rule) {
  const auto before_crop = [&](int64_t side) {
    return static_cast<int64_t>(std::floor(static_cast<double>(side) / rule.crop_pct));
  };
  const Size2d resize{before_crop(rule.height), before_crop(rule.width)};
  const bool cropped =
      rule.crop_mode != CropMode::kSquash || resize.h != rule.height || resize.w != rule.width;
  if (rule.crop_mode == CropMode::kCenter && rule.height != rule.width) {
    refuse_rule("a crop that is no square, of pictures just large enough for it");
  }
  if (rule.crop_mode == CropMode::kSquash && cropped && rule.crop_rounding == CropRounding::kEven) {
    const auto goes_up = [](int64_t spare) { return spare > 0 && spare % 4 == 3; };
    if (goes_up(resize.h - rule.height) || goes_up(resize.w - rule.width)) {
      refuse_rule("a crop that is rounded up");
    }
  }
  const auto filter = std::ranges::find(kHfResample, rule.interpolation) - kHfResample.begin();
  // Older versions know a crop in these classes alone.
  const char* processor = !cropped                              ? "ViTImageProcessor"
                          : rule.crop_mode == CropMode::kSquash ? "DeiTImageProcessor"
                                                                : "BitImageProcessor";
  json result = {{"image_processor_type", processor},
                 {"do_resize", rule.crop_mode != CropMode::kUnscaled},
                 {"resample", filter},
                 {"do_center_crop", cropped},
                 {"do_convert_rgb", rule.channels == 3},
                 {"do_rescale", true},
                 {"rescale_factor", 1.0 / 255},
                 {"do_normalize", true},
                 {"image_mean", rule.mean},
                 {"image_std", rule.stddev}};
  if (rule.crop_mode == CropMode::kSquash) {
    result["size"] = {{"height", resize.h}, {"width", resize.w}};
  } else {
    result["size"] = {{"shortest_edge", resize.h}};
  }
  if (cropped) result["crop_size"] = {{"height", rule.height}, {"width", rule.width}};
  return result;
}

HuggingFaceFiles hugging_face_files(const NetworkConfig& c, const Preprocess& preprocess,
                                    const std::vector<std::string>& labels) {
  json config = config_of(c);
  config["num_channels"] = c.channels;
  config["torch_dtype"] = "float32";
  if (config["model_type"] == "siglip_vision_model" && c.classes > 0) config = whole_siglip(config);
  if (!config.contains("projection_dim")) add_labels(config, c.classes, labels);
  return {config["model_type"].get<std::string>(), write_json(config, 2) + "\n",
          write_json(hugging_face_preprocess(preprocess), 2) + "\n"};
}

}  // namespace vitrine
