#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/json_text.hpp"
#include "models/bit.hpp"
#include "models/config_json.hpp"
#include "models/hugging_face_preprocess.hpp"
#include "models/resnet_config.hpp"
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
constexpr std::array<HfType, 9> kHfTypes = {{{"vit", 1e-12, "gelu"},
                                             {"vit-hybrid", 1e-12, "gelu"},
                                             {"deit", 1e-12, "gelu"},
                                             {"vit_mae", 1e-12, "gelu"},
                                             {"dinov2", 1e-6, "gelu"},
                                             {"dinov2_with_registers", 1e-6, "gelu"},
                                             {"clip_vision_model", 1e-5, "quick_gelu"},
                                             {"resnet", 1e-5, "relu"},
                                             {"bit", 1e-5, "relu"}}};

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

/// The name map that files of this type have.
std::string_view origin_of(const HfType& type) {
  if (type.name == "clip_vision_model") return "Hugging Face CLIP";
  if (type.name == "resnet") return "Hugging Face ResNet";
  if (type.name == "bit") return "Hugging Face BiT";
  return "Hugging Face";
}

/// Refuses what ResNet and BiT may say and Vitrine's networks do not have.
void check_convolutions(const json& config, std::string_view path) {
  const auto refuse = [&](const std::string& what) {
    throw FormatError(FormatKind::kUnsupported, path, -1, what);
  };
  if (config.value("hidden_act", "relu") != "relu") {
    refuse(fmt::format("hidden_act '{}'", write_json(config["hidden_act"])));
  }
  for (const char* key : {"downsample_in_first_stage", "downsample_in_bottleneck"}) {
    if (config.value(key, false)) refuse(key);
  }
  if (read_json_or(config, "output_stride", int64_t{32}) != 32)
    refuse("output_stride other than 32");
}

bool has_same_padding(const json& config) {
  const auto found = config.find("global_padding");
  return found != config.end() && found->is_string() &&
         (found->get<std::string>() == "same" || found->get<std::string>() == "SAME");
}

[[noreturn]] void refuse_to_write(const std::string& what) {
  throw UsageError(fmt::format("no Hugging Face model has {}: write a .safetensors file", what));
}

void add_labels(json& config, int64_t classes, const std::vector<std::string>& labels) {
  for (int64_t i = 0; i < classes; ++i) {
    const std::string label =
        labels.empty() ? fmt::format("LABEL_{}", i) : labels[static_cast<size_t>(i)];
    config["id2label"][std::to_string(i)] = label;
    config["label2id"][label] = i;
  }
}

HuggingFaceFiles files_of(std::string model_type, json config, const NetworkConfig& c,
                          const Preprocess& preprocess, const std::vector<std::string>& labels) {
  config["model_type"] = model_type;
  config["num_channels"] = c.channels;
  config["torch_dtype"] = "float32";
  add_labels(config, c.classes, labels);
  return {std::move(model_type), write_json(config, 2) + "\n",
          write_json(hugging_face_preprocess(preprocess), 2) + "\n"};
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
    SourceFacts facts = facts_of_origin(origin_of(type));
    if (type.name == "resnet" || type.name == "bit") check_convolutions(object, path);
    if (type.name == "bit" && has_same_padding(object)) facts.stem = Stem::kSame;
    if (type.name == "dinov2_with_registers") {  // alone among its siblings
      facts.resampling = PositionResampling::kBicubicAntialias;
    }
    facts.source = fmt::format("config.json (Hugging Face {})", type.name);
    facts.heads = read_json_or(object, "num_attention_heads", int64_t{12});
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
    facts.groups =
        read_json_or(object.value("backbone_config", object), "num_groups", facts.groups);
    facts.labels = hf_labels(object);
    if (!preprocessor.empty()) {
      read_hugging_face_preprocess(parse_object(preprocessor, path), facts.preprocess);
      facts.preprocess_source = "preprocessor_config.json";
      if (facts.image_height == 0) {  // networks of convolutions take what the pictures give
        facts.image_height = facts.preprocess.height;
        facts.image_width = facts.preprocess.width;
      }
    }
    return facts;
  });
}

static HuggingFaceFiles hugging_face_files(const VitConfig& c, const Preprocess& preprocess,
                                           const std::vector<std::string>& labels) {
  if (c.backbone) refuse_to_write("a backbone (since version 5)");
  if (c.qk_norm) refuse_to_write("qk_norm");
  if (c.pool != Pool::kToken) refuse_to_write("global_pool 'avg'");
  if (c.registers > 0 || c.no_embed_class)
    refuse_to_write("a position embedding of the patches alone");
  if (c.position == Position::kNone) refuse_to_write("no position embedding");
  if (c.position == Position::kLearned2d)
    refuse_to_write("a position embedding of rows and columns");
  if (c.position == Position::kRelative) refuse_to_write("relative positions");
  if (c.position_at != PositionAt::kStart) refuse_to_write("a position embedding in every block");
  if (c.pre_norm == c.patch_bias)
    refuse_to_write("norm_pre with a bias of the patches, or neither");
  if (c.layer_scale > 0 && (c.pre_norm || c.distilled))
    refuse_to_write("LayerScale beside other switches");
  if (c.layer_scale > 0 && c.classes > 0)
    refuse_to_write("LayerScale with a head on the class token");
  if (c.pre_norm && (c.distilled || !c.qkv_bias)) refuse_to_write("norm_pre beside other switches");
  if (c.pre_logits > 0) refuse_to_write("pre_logits before a head");
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
  if (c.layer_scale > 0) {  // transformers 5 refuses 4.0
    const auto whole = static_cast<int64_t>(c.mlp_ratio);
    const bool broken = static_cast<double>(whole) != c.mlp_ratio;
    config["mlp_ratio"] = broken ? json(c.mlp_ratio) : json(whole);
  }
  if (projected) config["projection_dim"] = c.classes;
  if (!projected) add_labels(config, c.classes, labels);
  files.config = write_json(config, 2) + "\n";
  files.preprocessor = write_json(hugging_face_preprocess(preprocess), 2) + "\n";
  return files;
}

static HuggingFaceFiles hugging_face_files(const ResNetConfig& c, const Preprocess& preprocess,
                                           const std::vector<std::string>& labels) {
  if (c.deep()) refuse_to_write("a deep stem");
  if (c.avg_down) refuse_to_write("shortcuts with average pooling");
  if (c.cardinality != 1 || c.base_width != 64) refuse_to_write("groups or a wider middle");
  if (c.bn_eps != 1e-5) refuse_to_write("a bn_eps other than 1e-5");
  std::vector<int64_t> channels = c.planes;
  for (int64_t& n : channels) n *= c.expansion();
  const json config = {
      {"architectures", {c.classes > 0 ? "ResNetForImageClassification" : "ResNetModel"}},
      {"embedding_size", c.stem_channels()},
      {"hidden_sizes", channels},
      {"depths", c.layers},
      {"layer_type", c.block == ResNetBlock::kBasic ? "basic" : "bottleneck"},
      {"hidden_act", "relu"},
      {"downsample_in_first_stage", false},
      {"downsample_in_bottleneck", false}};
  return files_of("resnet", config, c, preprocess, labels);
}

static HuggingFaceFiles hugging_face_files(const BitConfig& c, const Preprocess& preprocess,
                                           const std::vector<std::string>& labels) {
  const ResNetV2Config& f = c.backbone;
  const bool root = f.conv_eps_form == StandardizeForm::kRoot;
  if (f.gn_eps != 1e-5 || f.conv_eps != 1e-8 || !root) refuse_to_write("these eps");
  if (f.bottle_ratio != 0.25) refuse_to_write("a bottle_ratio other than 1/4");
  const bool same = f.stem == Stem::kSame;
  const json config = {
      {"architectures", {c.classes > 0 ? "BitForImageClassification" : "BitModel"}},
      {"embedding_size", f.stem_channels},
      {"hidden_sizes", f.channels},
      {"depths", f.layers},
      {"layer_type", f.preact ? "preactivation" : "bottleneck"},
      {"hidden_act", "relu"},
      {"global_padding", same ? json("SAME") : json()},
      {"embedding_dynamic_padding", same},
      {"num_groups", f.groups},
      {"width_factor", 1},
      {"output_stride", 32}};
  return files_of("bit", config, c, preprocess, labels);
}

HuggingFaceFiles hugging_face_files(const NetworkConfig& c, const Preprocess& preprocess,
                                    const std::vector<std::string>& labels) {
  if (const auto* resnet = dynamic_cast<const ResNetConfig*>(&c)) {
    return hugging_face_files(*resnet, preprocess, labels);
  }
  if (const auto* bit = dynamic_cast<const BitConfig*>(&c)) {
    return hugging_face_files(*bit, preprocess, labels);
  }
  return hugging_face_files(dynamic_cast<const VitConfig&>(c), preprocess, labels);
}

}  // namespace vitrine
