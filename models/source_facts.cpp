#include "models/source_facts.hpp"

#include <fmt/format.h>

#include <array>

#include "core/json_text.hpp"
#include "models/config_json.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr std::array<double, 3> kImageNetMean = {0.485, 0.456, 0.406};
constexpr std::array<double, 3> kImageNetStd = {0.229, 0.224, 0.225};
constexpr std::array<double, 3> kClipMean = {0.48145466, 0.4578275, 0.40821073};
constexpr std::array<double, 3> kClipStd = {0.26862954, 0.26130258, 0.27577711};

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
  if (origin.starts_with("Hugging Face")) facts.resampling = PositionResampling::kBicubic;
  if (origin == "torchvision") facts.resampling = PositionResampling::kBicubicCorners;
  if (origin.find("BiT") != std::string_view::npos) {
    facts.stem = Stem::kFixed;
    rule.crop_pct = 0.875;
  }
  if (origin == "BiT npz") facts.conv_eps = 1e-10;
  const bool bicubic = origin == "timm" || origin.find("CLIP") != std::string_view::npos;
  rule.interpolation = bicubic ? ResizeFilter::kBicubic : ResizeFilter::kBilinear;
  if (rule.crop_mode == CropMode::kSquash) rule.crop_pct = 1;
  facts.preprocess_source = facts.source;
  return facts;
}

bool is_timm_config(std::string_view config) { return has_text(config, "architecture"); }

SourceFacts facts_of_timm(std::string_view config, std::string_view origin, std::string_view path) {
  const json object = parse_object(config, path);
  return reading(path, [&] {
    const auto architecture = object.at("architecture").get<std::string>();
    SourceFacts facts = facts_of_origin(origin);
    facts.source = fmt::format("config.json (timm {})", architecture);
    try {
      const auto known = network_config(architecture);
      if (const auto* vit = dynamic_cast<const VitConfig*>(known.get())) {
        facts.heads = vit->heads;
        facts.norm_eps = vit->norm_eps;
        facts.activation = vit->activation;
        facts.pool = vit->pool;
        if (vit->backbone) facts.groups = vit->backbone->groups;
      }
    } catch (const UsageError&) {
      facts.notes.push_back(fmt::format("'{}' is not known by name: usual heads and norm_eps {}",
                                        architecture, facts.norm_eps));
    }
    const json& arguments = object.value("model_args", json::object());
    facts.heads = read_json_or(arguments, "num_heads", facts.heads);
    // Older files have the preprocessing at the top.
    const json pretrained = object.value("pretrained_cfg", object);
    const auto input = read_json_or(pretrained, "input_size", std::vector<int64_t>{});
    if (input.size() == 3) {
      facts.image_height = input[1];
      facts.image_width = input[2];
    }
    if (arguments.contains("img_size")) {
      read_size(arguments["img_size"], facts.image_height, facts.image_width);
    }
    const std::string pool = object.value("global_pool", std::string());
    if (pool == "token") facts.pool = Pool::kToken;
    if (pool == "avg") facts.pool = Pool::kMean;
    if (pool == "map") {
      throw FormatError(FormatKind::kUnsupported, path, -1,
                        "global_pool 'map', an attention pooling");
    }
    facts.preprocess = Preprocess::from_json(write_json(pretrained));
    facts.preprocess_source = "config.json";
    const json& owner = object.contains("label_names") ? object : pretrained;
    if (owner.contains("label_names") && owner["label_names"].is_array()) {
      facts.labels = owner["label_names"].get<std::vector<std::string>>();
      const json descriptions = owner.value("label_descriptions", json::object());
      for (std::string& label : facts.labels) {
        if (descriptions.is_object()) label = descriptions.value(label, std::string(label));
      }
    }
    return facts;
  });
}

}  // namespace vitrine
