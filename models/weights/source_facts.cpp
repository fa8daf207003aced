#include "models/weights/source_facts.hpp"

#include <fmt/format.h>

#include <array>

namespace vitrine {
namespace {

constexpr std::array<double, 3> kImageNetMean = {0.485, 0.456, 0.406};
constexpr std::array<double, 3> kImageNetStd = {0.229, 0.224, 0.225};
constexpr std::array<double, 3> kClipMean = {0.48145466, 0.4578275, 0.40821073};
constexpr std::array<double, 3> kClipStd = {0.26862954, 0.26130258, 0.27577711};

/// Meta's Perception Encoder. Weights do not show that positions turn queries and keys.
void set_perception_encoder(SourceFacts& facts) {
  facts.family = VitFamily::kEva;
  facts.norm_eps = 1e-5;
  facts.pool_heads = 8;
  facts.rope.emplace();
  facts.rope->table.rule = RotaryRule::kAxial;
  facts.rope->table.axes = RotaryAxes::kColumnFirst;
  facts.rope->table.offset = 1;
  facts.rope_of_own_grid = true;
  facts.preprocess.crop_mode = CropMode::kSquash;
}

/// What else is known of ViT's younger siblings.
void set_sibling(std::string_view origin, SourceFacts& facts) {
  Preprocess& rule = facts.preprocess;
  if (origin == "Perception Encoder") return set_perception_encoder(facts);
  const bool beit3 = origin == "BEiT-3";
  if (!beit3 && !origin.ends_with("AIMv2")) return;
  facts.norm_eps = 1e-5;
  rule.crop_pct = 1;
  const auto& mean = beit3 ? kImageNetMean : kClipMean;
  const auto& deviation = beit3 ? kImageNetStd : kClipStd;
  rule.mean.assign(mean.begin(), mean.end());
  rule.stddev.assign(deviation.begin(), deviation.end());
  if (!beit3) facts.head_width = 128;
}

}  // namespace

SourceFacts facts_of_origin(std::string_view origin) {
  SourceFacts facts;
  facts.source = fmt::format("habits of {}", origin);
  Preprocess& rule = facts.preprocess;
  if (origin == "Google") {
    facts.activation = Activation::kGeluTanh;
    facts.resampling = PositionResampling::kBilinearCorners;
    facts.gn_eps = 1e-6;
    facts.conv_eps = 1e-5;
    facts.conv_eps_form = StandardizeForm::kSum;
    rule.crop_mode = CropMode::kSquash;
  } else if (origin == "torchvision" || origin == "ResNet" || origin == "Hugging Face ResNet") {
    rule.crop_pct = 0.875;
    rule.mean.assign(kImageNetMean.begin(), kImageNetMean.end());
    rule.stddev.assign(kImageNetStd.begin(), kImageNetStd.end());
  } else if (origin.find("CLIP") != std::string_view::npos) {
    facts.activation = Activation::kQuickGelu;
    facts.norm_eps = 1e-5;
    rule.mean.assign(kClipMean.begin(), kClipMean.end());
    rule.stddev.assign(kClipStd.begin(), kClipStd.end());
    rule.crop_pct = 1;
  } else if (origin == "Hugging Face") {
    facts.norm_eps = 1e-12;
    rule.crop_mode = CropMode::kSquash;
  }
  set_sibling(origin, facts);
  if (origin == "DINOv3") {
    facts.family = VitFamily::kEva;
    facts.norm_eps = 1e-5;
    facts.image_height = facts.image_width = 224;
    facts.rope.emplace();
    facts.rope->table.rule = RotaryRule::kDinov3;
    facts.rope->table.layout = RotaryLayout::kHalf;
    facts.rope->table.temperature = 100;
  }
  if (origin.ends_with("DINOv3")) {
    rule.crop_mode = CropMode::kSquash;
    rule.mean.assign(kImageNetMean.begin(), kImageNetMean.end());
    rule.stddev.assign(kImageNetStd.begin(), kImageNetStd.end());
  }
  if (origin == "DeiT" || origin == "DINOv2") {
    rule.crop_pct = 0.875;
    rule.mean.assign(kImageNetMean.begin(), kImageNetMean.end());
    rule.stddev.assign(kImageNetStd.begin(), kImageNetStd.end());
  }
  if (origin.starts_with("Hugging Face")) facts.resampling = PositionResampling::kBicubic;
  if (origin == "torchvision") facts.resampling = PositionResampling::kBicubicCorners;
  if (origin.find("BiT") != std::string_view::npos) {
    facts.stem = Stem::kFixed;
    rule.crop_pct = 0.875;
  }
  if (origin == "BiT npz") facts.conv_eps = 1e-10;
  const bool bicubic = origin == "timm" || origin == "BEiT-3" || origin.ends_with("AIMv2") ||
                       origin == "DeiT" || origin == "DINOv2" ||
                       origin.find("CLIP") != std::string_view::npos;
  rule.interpolation = bicubic ? ResizeFilter::kBicubic : ResizeFilter::kBilinear;
  if (rule.crop_mode == CropMode::kSquash) rule.crop_pct = 1;
  facts.preprocess_source = facts.source;
  return facts;
}

}  // namespace vitrine
