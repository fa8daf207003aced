#include <fmt/format.h>

#include <array>

#include "models/networks/bit.hpp"
#include "models/networks/resnet_config.hpp"
#include "models/weights/config_json.hpp"
#include "models/weights/known_keys.hpp"
#include "models/weights/source_facts.hpp"
#include "models/weights/timm_arguments.hpp"
#include "models/weights/timm_networks.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

// Keys that change no answer.
constexpr auto kHarmless = std::to_array<std::string_view>({
    // for people; timm's loader does not read them
    "num_features",
    "tag",
    "license",
    "description",
    "origin_url",
    "paper_name",
    "paper_ids",
    "notes",
    // where weights are fetched, and how they are fitted to another head or other channels
    "url",
    "file",
    "state_dict",
    "hf_hub_id",
    "hf_hub_filename",
    "source",
    "custom_load",
    "first_conv",
    "classifier",
    "architecture",
    // sizes that are judged at only when asked for (timm's use_test_size), or that follow from the
    // picture's
    "test_input_size",
    "test_crop_pct",
    "min_input_size",
    "fixed_input_size",
    "pool_size",
    "test_pool_size",
    // transformers' wrapper: bookkeeping, and what TimmWrapperModel returns beside its features
    "architectures",
    "do_pooling",
    "dtype",
    "torch_dtype",
    "initializer_range",
    "problem_type",
    "transformers_version",
    "_name_or_path",
});

class TimmConfig {
 public:
  /// The object outlives this.
  TimmConfig(const json& object, std::string_view path) : top_(object, path), path_(path) {
    const json* inner = top_.find("pretrained_cfg");
    if (inner != nullptr) inner_.emplace(*inner, path, "pretrained_cfg.");
  }

  SourceFacts read(std::string_view origin);

 private:
  std::unique_ptr<NetworkConfig> read_architecture();
  void read_size(SourceFacts& facts);
  void read_pools(const NetworkConfig& known, SourceFacts& facts);
  void read_classes();
  void read_preprocess(SourceFacts& facts);
  void read_labels(SourceFacts& facts);

  /// Older files have one object for both.
  KnownKeys& pretrained() { return inner_ ? *inner_ : top_; }

  KnownKeys top_;
  std::optional<KnownKeys> inner_;
  std::string path_;
  std::string architecture_;
  json said_ = json::object();  // of things that weights show
};

std::unique_ptr<NetworkConfig> TimmConfig::read_architecture() {
  top_.read("architecture", architecture_);
  auto known = timm_network(architecture_);
  if (known != nullptr) return known;
  const std::string_view what = timm_difference(architecture_);
  top_.refuse("architecture",
              what.empty() ? "not one of timm's networks that are known here: use timm for it"
                           : fmt::format("Vitrine does not have its {}: use timm for it", what));
}

/// A network of convolutions takes every size; a ViT is built for that of the pictures unless its
/// arguments say another.
void TimmConfig::read_size(SourceFacts& facts) {
  std::vector<int64_t> size;
  if (!pretrained().read("input_size", size)) return;
  if (size.size() != 3) pretrained().refuse("input_size", "it should be [channels, height, width]");
  said_["in_chans"] = size[0];
  facts.image_height = size[1];
  facts.image_width = size[2];
}

/// timm builds with pretrained_cfg's unless model_args say another; what stands at the top is what
/// the network had that was saved.
void TimmConfig::read_pools(const NetworkConfig& known, SourceFacts& facts) {
  if (pretrained().find("global_pool") != nullptr) {
    facts.pool = read_timm_pool(pretrained(), "global_pool", known);
  }
  if (top_.find("global_pool") != nullptr) {
    facts.pool = read_timm_pool(top_, "global_pool", known);
  }
}

void TimmConfig::read_classes() {
  int64_t classes = 0;
  const bool said = top_.read("num_classes", classes);
  pretrained().find("num_classes");
  if (!said && !pretrained().read("num_classes", classes)) return;
  // transformers' wrapper counts labels also where it cut off the head.
  const json* wrapped = top_.find("architectures");
  if (wrapped != nullptr && *wrapped == json({"TimmWrapperModel"})) return;
  said_["num_classes"] = classes;
}

void TimmConfig::read_preprocess(SourceFacts& facts) {
  Preprocess& rule = facts.preprocess;
  std::string defaults;
  const auto missing = [&](const char* key) {
    defaults += fmt::format("{}{}", defaults.empty() ? "; timm's defaults for " : ", ", key);
  };
  std::string text;
  rule.interpolation = ResizeFilter::kBicubic;
  if (pretrained().read("interpolation", text)) {
    pretrained().reading("interpolation", [&] { rule.interpolation = resize_filter(text); });
  } else {
    missing("interpolation");
  }
  rule.crop_pct = 0.875;
  if (!pretrained().read("crop_pct", rule.crop_pct)) missing("crop_pct");
  pretrained().require("crop_mode", {"center", "squash"});
  const bool squash = pretrained().value_or("crop_mode", std::string()) == "squash";
  rule.crop_mode = squash ? CropMode::kSquash : CropMode::kCenter;
  const SourceFacts imagenet = facts_of_origin("torchvision");
  const auto read_channels = [&](const char* key, std::vector<double>& values,
                                 const std::vector<double>& otherwise) {
    values = otherwise;
    const json* value = pretrained().find(key);
    if (value == nullptr) return missing(key);
    pretrained().reading(key, [&] {
      values = value->is_number() ? std::vector<double>{value->get<double>()}
                                  : value->get<std::vector<double>>();
    });
  };
  read_channels("mean", rule.mean, imagenet.preprocess.mean);
  read_channels("std", rule.stddev, imagenet.preprocess.stddev);
  facts.preprocess_source = "config.json" + defaults;
  facts.preprocess_known = true;
}

void TimmConfig::read_labels(SourceFacts& facts) {
  // Older files say "labels".
  for (KnownKeys* keys : {&top_, &pretrained()}) {
    for (const char* key : {"labels", "label_names"}) {
      const json* names = keys->find(key);
      if (names == nullptr) continue;
      if (names->is_array()) {
        keys->reading(key, [&] { facts.labels = names->get<std::vector<std::string>>(); });
      } else {
        facts.notes.push_back(fmt::format("{} is no list: left out", key));
      }
    }
  }
  for (KnownKeys* keys : {&pretrained(), &top_}) {
    const json* descriptions = keys->find("label_descriptions");
    if (descriptions == nullptr || !descriptions->is_object()) continue;
    for (std::string& label : facts.labels) {
      const auto found = descriptions->find(label);
      if (found != descriptions->end() && found->is_string()) label = found->get<std::string>();
    }
    return;
  }
}

SourceFacts TimmConfig::read(std::string_view origin) {
  const std::unique_ptr<NetworkConfig> known = read_architecture();
  SourceFacts facts = facts_of_origin(origin);
  facts.source = fmt::format("config.json (timm {})", architecture_);
  json usual = known->to_json();
  const Dissolved at_the_end(usual);
  const Dissolved said_at_the_end(said_);
  said_["kind"] = usual["kind"];
  set_hidden(*known, facts);
  read_size(facts);
  read_pools(*known, facts);
  read_classes();
  const json none = json::object();
  const json* arguments = top_.find("model_args");
  KnownKeys reader(arguments == nullptr ? none : *arguments, path_, "model_args.");
  read_timm_arguments(reader, *known, said_, facts);
  facts.claims = claims_of_options(facts.source, said_, usual);
  read_preprocess(facts);
  read_labels(facts);
  top_.require("model_type", {"timm_wrapper"});
  pretrained().require("label_offset", {0});
  top_.finish(kHarmless);
  pretrained().finish(kHarmless);
  return facts;
}

}  // namespace

bool is_timm_config(std::string_view config) { return has_text(config, "architecture"); }

SourceFacts facts_of_timm(std::string_view config, std::string_view origin, std::string_view path) {
  json object = parse_object(config, path);
  const Dissolved at_the_end(object);
  SourceFacts facts = reading(path, [&] { return TimmConfig(object, path).read(origin); });
  facts.class_order = ClassOrder::kNatural;
  return facts;
}

}  // namespace vitrine
