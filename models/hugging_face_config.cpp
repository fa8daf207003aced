#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "models/config_json.hpp"
#include "models/source_facts.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// The defaults of a model_type, where config.json leaves something out.
struct HfType {
  std::string_view name;
  double norm_eps;
  std::string_view activation;
};
constexpr std::array<HfType, 7> kHfTypes = {{{"vit", 1e-12, "gelu"},
                                             {"vit-hybrid", 1e-12, "gelu"},
                                             {"deit", 1e-12, "gelu"},
                                             {"vit_mae", 1e-12, "gelu"},
                                             {"dinov2", 1e-6, "gelu"},
                                             {"dinov2_with_registers", 1e-6, "gelu"},
                                             {"clip_vision_model", 1e-5, "quick_gelu"}}};

struct HfActivation {
  std::string_view name;
  Activation activation;
};
constexpr std::array<HfActivation, 6> kHfActivations = {
    {{"gelu", Activation::kGelu},
     {"gelu_pytorch_tanh", Activation::kGeluTanh},
     {"gelu_new", Activation::kGeluTanh},
     {"gelu_fast", Activation::kGeluTanh},
     {"quick_gelu", Activation::kQuickGelu},
     {"relu", Activation::kRelu}}};

// PIL's numbers, in the order of "resample".
constexpr std::array<ResizeFilter, 6> kResample = {ResizeFilter::kNearest,  ResizeFilter::kLanczos,
                                                   ResizeFilter::kBilinear, ResizeFilter::kBicubic,
                                                   ResizeFilter::kBox,      ResizeFilter::kHamming};

const HfType& hf_type(const std::string& name, std::string_view path) {
  const auto found = std::ranges::find(kHfTypes, std::string_view(name), &HfType::name);
  if (found != kHfTypes.end()) return *found;
  std::string known;
  for (const HfType& type : kHfTypes) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", type.name);
  }
  throw FormatError(FormatKind::kUnsupported, path, -1,
                    fmt::format("model_type '{}'; known are {}", name, known));
}

std::vector<std::string> hf_labels(const json& config) {
  const auto found = config.find("id2label");
  if (found == config.end() || !found->is_object()) return {};
  std::vector<std::string> labels(found->size());
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto label = found->find(std::to_string(i));
    if (label == found->end()) return {};
    labels[i] = label->get<std::string>();
  }
  return labels;
}

/// crop / resize as timm's crop_pct: floor(crop / crop_pct) is the size again.
double crop_pct(int64_t crop, int64_t resize) {
  const auto c = static_cast<double>(crop);
  double pct = c / static_cast<double>(resize);
  while (std::floor(c / pct) < static_cast<double>(resize)) pct = std::nextafter(pct, 0.0);
  return pct;
}

void read_hf_preprocess(const json& config, SourceFacts& facts) {
  Preprocess& rule = facts.preprocess;
  int64_t height = 224;
  int64_t width = 224;
  bool squash = true;
  if (const auto size = config.find("size"); size != config.end()) {
    if (size->is_object() && size->contains("shortest_edge")) {
      squash = false;
      height = width = size->at("shortest_edge").get<int64_t>();
    } else if (size->is_object()) {
      height = size->at("height").get<int64_t>();
      width = size->at("width").get<int64_t>();
    } else {
      read_size(*size, height, width);
    }
  }
  rule.height = height;
  rule.width = width;
  if (config.value("do_center_crop", false) && config.contains("crop_size")) {
    const json& crop = config.at("crop_size");
    if (crop.is_object()) {
      rule.height = crop.at("height").get<int64_t>();
      rule.width = crop.at("width").get<int64_t>();
    } else {
      read_size(crop, rule.height, rule.width);
    }
  }
  if (std::min(height, rule.height) < 1 || std::max(height, rule.height) > kMaxInputSide) {
    throw UsageError(fmt::format("sizes {} and {}", height, rule.height));
  }
  rule.crop_pct = crop_pct(rule.height, height);
  rule.crop_mode = squash ? CropMode::kSquash : CropMode::kCenter;
  const auto resample = config.value("resample", int64_t{2});
  if (resample < 0 || resample >= static_cast<int64_t>(kResample.size())) {
    throw UsageError(fmt::format("resample {} is none of Pillow's filters", resample));
  }
  rule.interpolation = kResample[static_cast<size_t>(resample)];
  if (config.value("do_normalize", true)) {
    rule.mean = config.value("image_mean", rule.mean);
    rule.stddev = config.value("image_std", rule.stddev);
  } else {
    rule.mean.assign(rule.mean.size(), 0.0);
    rule.stddev.assign(rule.stddev.size(), 1.0);
  }
}

json hf_preprocessor(const Preprocess& rule) {
  const auto filter = std::ranges::find(kResample, rule.interpolation) - kResample.begin();
  const auto whole = [&](int64_t side) {
    return static_cast<int64_t>(std::floor(static_cast<double>(side) / rule.crop_pct));
  };
  json result = {{"do_resize", true},           {"resample", filter},   {"do_rescale", true},
                 {"rescale_factor", 1.0 / 255}, {"do_normalize", true}, {"image_mean", rule.mean},
                 {"image_std", rule.stddev}};
  const json size = {{"height", rule.height}, {"width", rule.width}};
  const bool cropped = rule.crop_mode == CropMode::kCenter || whole(rule.height) != rule.height;
  if (rule.crop_mode == CropMode::kCenter) {
    result["size"] = {{"shortest_edge", whole(rule.height)}};
  } else {
    result["size"] = {{"height", whole(rule.height)}, {"width", whole(rule.width)}};
  }
  result["do_center_crop"] = cropped;
  if (cropped) result["crop_size"] = size;
  return result;
}

}  // namespace

bool is_hugging_face_config(std::string_view config) { return has_text(config, "model_type"); }

SourceFacts facts_of_hugging_face(std::string_view config, std::string_view preprocessor,
                                  std::string_view path) {
  json object = parse_object(config, path);
  return reading(path, [&] {
    std::string type_name = object.at("model_type").get<std::string>();
    if (type_name == "clip" && object.contains("vision_config")) {
      // The image tower of a whole model.
      json vision = object.at("vision_config");
      object = std::move(vision);
      type_name = "clip_vision_model";
    }
    const HfType& type = hf_type(type_name, path);
    const bool clip = type.name == "clip_vision_model";
    SourceFacts facts = facts_of_origin(clip ? "Hugging Face CLIP" : "Hugging Face");
    facts.source = fmt::format("config.json (Hugging Face {})", type.name);
    facts.heads = object.value("num_attention_heads", int64_t{12});
    facts.norm_eps = object.value("layer_norm_eps", type.norm_eps);
    const std::string act = object.value("hidden_act", std::string(type.activation));
    const auto found =
        std::ranges::find(kHfActivations, std::string_view(act), &HfActivation::name);
    if (found == kHfActivations.end()) {
      throw FormatError(FormatKind::kUnsupported, path, -1, fmt::format("hidden_act '{}'", act));
    }
    facts.activation = found->activation;
    if (object.contains("image_size")) {
      read_size(object["image_size"], facts.image_height, facts.image_width);
    }
    if (object.contains("backbone_config") && object["backbone_config"].is_object()) {
      facts.groups = object["backbone_config"].value("num_groups", facts.groups);
    }
    facts.labels = hf_labels(object);
    if (!preprocessor.empty()) {
      read_hf_preprocess(parse_object(preprocessor, path), facts);
      facts.preprocess_source = "preprocessor_config.json";
    }
    return facts;
  });
}

HuggingFaceFiles hugging_face_files(const VitConfig& c, const Preprocess& preprocess,
                                    const std::vector<std::string>& labels) {
  const auto refuse = [](const std::string& what) {
    throw UsageError(fmt::format("no Hugging Face model has {}: write a .safetensors file", what));
  };
  if (c.backbone) refuse("a backbone (since version 5)");
  if (c.qk_norm) refuse("qk_norm");
  if (c.pool != Pool::kToken) refuse("global_pool 'avg'");
  if (c.registers > 0 || c.no_embed_class) refuse("a position embedding of the patches alone");
  if (c.position == Position::kNone) refuse("no position embedding");
  if (c.pre_norm == c.patch_bias) refuse("norm_pre with a bias of the patches, or neither");
  if (c.layer_scale > 0 && (c.pre_norm || c.distilled)) refuse("LayerScale beside other switches");
  if (c.layer_scale > 0 && c.classes > 0) refuse("LayerScale with a head on the class token");
  if (c.pre_norm && (c.distilled || !c.qkv_bias)) refuse("norm_pre beside other switches");
  if (c.pre_logits > 0) refuse("pre_logits before a head");
  HuggingFaceFiles files;
  files.model_type = c.pre_norm          ? "clip_vision_model"
                     : c.layer_scale > 0 ? "dinov2"
                     : c.distilled       ? "deit"
                                         : "vit";
  const bool projected = c.pre_norm && c.classes > 0;
  const std::string name = projected           ? "CLIPVisionModelWithProjection"
                           : c.pre_norm        ? "CLIPVisionModel"
                           : c.layer_scale > 0 ? "Dinov2Model"
                           : c.distilled       ? "DeiTForImageClassificationWithTeacher"
                           : c.classes > 0     ? "ViTForImageClassification"
                                               : "ViTModel";
  const auto act = std::ranges::find(kHfActivations, c.activation, &HfActivation::activation);
  const auto side = [](int64_t height, int64_t width) {
    return height == width ? json(height) : json({height, width});
  };
  json config = {{"architectures", {name}},
                 {"model_type", files.model_type},
                 {"hidden_size", c.width},
                 {"num_hidden_layers", c.depth},
                 {"num_attention_heads", c.heads},
                 {"intermediate_size", c.hidden()},
                 {"hidden_act", act->name},
                 {"layer_norm_eps", c.norm_eps},
                 {"image_size", side(c.image_height, c.image_width)},
                 {"patch_size", side(c.patch_height, c.patch_width)},
                 {"num_channels", c.channels},
                 {"qkv_bias", c.qkv_bias},
                 {"torch_dtype", "float32"}};
  if (c.layer_scale > 0) config["mlp_ratio"] = c.mlp_ratio;
  if (projected) config["projection_dim"] = c.classes;
  for (int64_t i = 0; i < c.classes && !projected; ++i) {
    const std::string label =
        labels.empty() ? fmt::format("LABEL_{}", i) : labels[static_cast<size_t>(i)];
    config["id2label"][std::to_string(i)] = label;
    config["label2id"][label] = i;
  }
  files.config = config.dump(2) + "\n";
  files.preprocessor = hf_preprocessor(preprocess).dump(2) + "\n";
  return files;
}

}  // namespace vitrine
