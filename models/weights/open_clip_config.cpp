#include <fmt/format.h>

#include <array>

#include "models/weights/config_json.hpp"
#include "models/weights/known_keys.hpp"
#include "models/weights/source_facts.hpp"
#include "models/weights/timm_arguments.hpp"
#include "models/weights/timm_networks.hpp"

// What open_clip builds of a configuration: its CLIPVisionCfg and PreprocessCfg, and what they have
// where the file is silent. Source: mlfoundations/open_clip, model.py, transform.py.

namespace vitrine {
namespace {

using nlohmann::json;

// Of the text tower, of the loss, or of training.
constexpr auto kOtherParts = std::to_array<std::string_view>(
    {"text_cfg", "custom_text", "init_logit_scale", "init_logit_bias", "nonscalar_logit_scale",
     "cast_dtype", "output_dict"});
constexpr auto kNotOfAnswers = std::to_array<std::string_view>(
    {"patch_dropout", "output_tokens", "timm_model_pretrained", "timm_proj_bias", "timm_drop",
     "timm_drop_path", "attn_pooler_queries", "attn_pooler_heads"});
// The size of pictures is the tower's.
constexpr auto kFromTower = std::to_array<std::string_view>({"size"});

/// A tower of timm's. Source: open_clip, timm_model.py.
void read_trunk(KnownKeys& vision, json& said, SourceFacts& facts) {
  std::string name;
  vision.read("timm_model_name", name);
  const auto known = timm_network(name);
  const auto* vit = dynamic_cast<const VitConfig*>(known.get());
  if (vit == nullptr)
    vision.refuse("timm_model_name", "not one of timm's ViTs that are known here");
  set_hidden(*vit, facts);
  facts.image_height = facts.image_width = 224;
  if (const json* size = vision.find("image_size")) {
    vision.reading("image_size", [&] { read_size(*size, facts.image_height, facts.image_width); });
  }
  // A projection behind the trunk, its own head in the place of one (""), or none.
  vision.require("timm_proj", {"", "none", "linear"});
  if (vision.value_or("timm_proj", std::string()) == "none") said["num_classes"] = 0;
  facts.pool = Pool::kMean;  // where nothing is said
  const std::string pool = vision.value_or("timm_pool", std::string("avg"));
  if (pool.empty()) facts.pool = vit->pool;
  if (!pool.empty() && vision.find("timm_pool") != nullptr) {
    facts.pool = read_timm_pool(vision, "timm_pool", *vit);
  }
}

void read_vision(KnownKeys& vision, json& said, SourceFacts& facts) {
  if (vision.find("timm_model_name") != nullptr) return read_trunk(vision, said, facts);
  if (const json* layers = vision.find("layers"); layers != nullptr && layers->is_array()) {
    vision.refuse("layers", "a ResNet with attention pooling; CLIP's ViTs are read");
  }
  const auto width = vision.value_or("width", int64_t{768});
  const auto head = vision.value_or("head_width", int64_t{64});
  if (head < 1) vision.refuse("head_width", "it should be a positive number");
  facts.heads = width / head;
  said["embed_dim"] = width;
  said["depth"] = vision.value_or("layers", int64_t{12});
  said["mlp_ratio"] = vision.value_or("mlp_ratio", 4.0);
  facts.image_height = facts.image_width = 224;
  if (const json* size = vision.find("image_size")) {
    vision.reading("image_size", [&] { read_size(*size, facts.image_height, facts.image_width); });
  }
  int64_t height = 16;
  int64_t patch_width = 16;
  if (const json* size = vision.find("patch_size")) {
    vision.reading("patch_size", [&] { read_size(*size, height, patch_width); });
  }
  said["patch_size"] = {height, patch_width};
  vision.require("pool_type", {"tok"});
  vision.require("pos_embed_type", {"learnable"});
  vision.require("block_type", {"default"});
  vision.find("final_ln_after_pool");  // of one token it is the same
  for (const char* key :
       {"no_ln_pre", "global_average_pool", "attentional_pool", "input_patchnorm", "qk_norm",
        "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"}) {
    vision.require(key, {false});
  }
}

/// Arguments of the norms and of the activation.
void read_layers(KnownKeys& vision, std::string_view path, SourceFacts& facts) {
  if (const json* norm = vision.find("norm_kwargs")) {
    KnownKeys keys(*norm, path, "model_cfg.vision_cfg.norm_kwargs.");
    keys.read("eps", facts.norm_eps);
    keys.finish();
  }
  if (const json* act = vision.find("act_kwargs")) {
    KnownKeys keys(*act, path, "model_cfg.vision_cfg.act_kwargs.");
    keys.require("approximate", {"none", "tanh"});
    const bool tanh = keys.value_or("approximate", std::string()) == "tanh";
    if (tanh && facts.activation == Activation::kQuickGelu) {
      keys.refuse("approximate", "quick GELU has no such form");
    }
    if (tanh) facts.activation = Activation::kGeluTanh;
    keys.finish();
  }
}

void read_preprocess(KnownKeys& keys, SourceFacts& facts) {
  Preprocess& rule = facts.preprocess;  // CLIP's mean and deviation, the whole picture
  keys.require("mode", {"RGB"});
  keys.require("fill_color", {0});
  // For training only, "random" is bicubic here.
  keys.require("interpolation", {"bicubic", "bilinear", "random"});
  const bool bilinear = keys.value_or("interpolation", std::string()) == "bilinear";
  rule.interpolation = bilinear ? ResizeFilter::kBilinear : ResizeFilter::kBicubic;
  keys.require("resize_mode", {"shortest", "squash"});
  const bool squash = keys.value_or("resize_mode", std::string()) == "squash";
  rule.crop_mode = squash ? CropMode::kSquash : CropMode::kCenter;
  const auto read_channels = [&](const char* key, std::vector<double>& values) {
    const json* value = keys.find(key);
    if (value == nullptr) return;
    keys.reading(key, [&] {
      values = value->is_number() ? std::vector<double>{value->get<double>()}
                                  : value->get<std::vector<double>>();
    });
  };
  read_channels("mean", rule.mean);
  read_channels("std", rule.stddev);
  keys.finish(kFromTower);
}

SourceFacts read(const json& object, std::string_view path) {
  const json none = json::object();
  KnownKeys top(object, path);
  const json* model = top.find("model_cfg");
  const json* preprocess = top.find("preprocess_cfg");
  top.finish();
  if (model == nullptr) top.refuse("model_cfg", "no configuration of open_clip's");
  KnownKeys keys(*model, path, "model_cfg.");
  const json* vision_cfg = keys.find("vision_cfg");
  KnownKeys vision(vision_cfg == nullptr ? none : *vision_cfg, path, "model_cfg.vision_cfg.");

  SourceFacts facts = facts_of_origin("OpenAI CLIP");
  facts.source = "open_clip_config.json";
  json said = json::object();
  const Dissolved at_the_end(said);
  const bool quick = keys.value_or("quick_gelu", false);  // of its own towers
  facts.activation = quick ? Activation::kQuickGelu : Activation::kGelu;
  read_vision(vision, said, facts);
  read_layers(vision, path, facts);
  vision.finish(kNotOfAnswers);
  int64_t classes = 0;
  if (keys.read("embed_dim", classes) && !said.contains("num_classes")) {
    said["num_classes"] = classes;
  }
  keys.finish(kOtherParts);
  facts.claims = claims_of_options(facts.source, said, json::object());
  KnownKeys rule(preprocess == nullptr ? none : *preprocess, path, "preprocess_cfg.");
  read_preprocess(rule, facts);
  facts.preprocess_source = "open_clip_config.json";
  facts.preprocess_known = true;
  return facts;
}

}  // namespace

SourceFacts facts_of_open_clip(std::string_view config, std::string_view path) {
  json object = parse_object(config, path);
  const Dissolved at_the_end(object);
  return reading(path, [&] { return read(object, path); });
}

}  // namespace vitrine
