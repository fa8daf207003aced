#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "models/weights/config_json.hpp"
#include "models/weights/hugging_face_network.hpp"
#include "models/weights/hugging_face_preprocess.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr int64_t kMostChannels = 1024;

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
      keys.refuse("id2label", fmt::format("{} is no number of a class", write_json_lossy(key)));
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

/// What is wrong if the weights have another head than the class that wrote them; else "".
std::string head_difference(Head head, const Shown& shown) {
  const NetworkConfig& c = shown.network;
  const auto named = [](std::string_view what) {
    return fmt::format("architectures names a class {}", what);
  };
  const auto* vit = dynamic_cast<const VitConfig*>(&c);
  const MappedTensor* tensor = shown.weights.find("head.weight");
  const bool classifies = tensor != nullptr && !tensor->parts.empty() &&
                          tensor->parts.front().name.find("classifier") != std::string::npos;
  if (head == Head::kUnknown) {
    const bool clip = vit != nullptr && vit->pre_norm && classifies;
    return clip ? "architectures is missing: CLIP with a classifier is CLIPForImageClassification, "
                  "or an unknown network"
                : "";
  }
  const bool two = vit != nullptr && vit->distilled;
  if (head == Head::kMap && (vit == nullptr || vit->pool != Pool::kMap)) {
    return named("with attention pooling; the weights have none");
  }
  if (head == Head::kNone || head == Head::kMap) {
    return c.classes > 0 ? named("without a classifier; the weights have one") : "";
  }
  if (head == Head::kProjection) {
    const bool projects = c.classes > 0 && !classifies;
    return projects ? "" : named("with a visual_projection; the weights have none");
  }
  if (head == Head::kTwo) {
    return two ? "" : named("with a distillation_classifier; the weights have none");
  }
  if (c.classes == 0) return named("with a classifier; the weights have none");
  if (two) return named("with one classifier; the weights have a distillation_classifier as well");
  if (c.classes == 1) return named("with a classifier of one number: a regression, not a choice");
  return "";
}

/// The model_type of the image tower in a whole CLIP or SigLIP; "" for other types.
std::string tower_of(const json& model_type) {
  if (model_type == "clip") return "clip_vision_model";
  if (model_type == "metaclip_2") return "metaclip_2_vision_model";
  return model_type == "siglip" ? "siglip_vision_model" : "";
}

/// The image tower's part of the configuration of a whole CLIP.
json vision_part(const json& whole, const std::string& tower, std::string_view path) {
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
  part["model_type"] = tower;
  return part;
}

/// What SigLIP's processor does where no file says it.
void set_siglip_habits(SourceFacts& facts) {
  Preprocess& rule = facts.preprocess;
  rule.crop_mode = CropMode::kSquash;
  rule.crop_pct = 1;
  rule.mean = {0.5, 0.5, 0.5};
  rule.stddev = {0.5, 0.5, 0.5};
}

/// What the image processor of the folder does; transformers looks for it in this order.
void read_processor(std::string_view preprocessor, std::string_view processor, const HfType& type,
                    int64_t channels, const std::filesystem::path& folder, SourceFacts& facts) {
  std::string file = "processor_config.json";
  std::string place = "image_processor.";
  json object;
  const Dissolved at_the_end(object);
  if (!processor.empty()) {
    json whole = parse_object(processor, (folder / file).string());
    const Dissolved now(whole);
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
  facts.preprocess_known = true;
  facts.picture_size_is_its_own = true;
  if (facts.image_height == 0) {  // networks of convolutions take what the pictures give
    facts.image_height = rule.height;
    facts.image_width = rule.width;
  }
}

}  // namespace

SourceFacts facts_of_hugging_face(std::string_view config, std::string_view preprocessor,
                                  std::string_view path, std::string_view processor) {
  json object = parse_object(config, path);
  const Dissolved at_the_end(object);
  if (const std::string tower = tower_of(object.value("model_type", json())); !tower.empty()) {
    object = vision_part(object, tower, path);
  }
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
  if (type.name == "siglip_vision_model") set_siglip_habits(facts);
  if (type.name == "beit" || type.name == "data2vec-vision") {
    facts.preprocess.interpolation = ResizeFilter::kBicubic;
  }
  const Head head = head_of(keys, type.name);
  keys.require("pruned_heads", {json::object()});
  const int64_t channels = keys.value_or("num_channels", int64_t{3});
  if (channels < 1 || channels > kMostChannels) keys.refuse("num_channels", "it must be 1 to 1024");
  read_hugging_face_network(keys, type, head, path, facts);
  keys.find("num_labels");  // id2label's own, or the weights'
  keys.find("id2label");
  if (head != Head::kNone && head != Head::kProjection && head != Head::kMap) {
    facts.labels = read_labels(keys, facts.notes);
    keys.require("problem_type", {"single_label_classification"});
  }
  keys.find("problem_type");
  keys.find("projection_dim");
  keys.finish(kHarmlessHfKeys);
  facts.claims.push_back({[head](const Shown& shown) { return head_difference(head, shown); }});
  facts.claims_path = path;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  read_processor(preprocessor, processor, type, channels, folder, facts);
  return facts;
}

}  // namespace vitrine
