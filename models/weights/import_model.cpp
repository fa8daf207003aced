#include "models/weights/import_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.hpp"
#include "models/weights/config_json.hpp"
#include "models/weights/config_of_weights.hpp"
#include "models/weights/fit_names.hpp"
#include "models/weights/load_weights.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxConfigBytes = int64_t{64} << 20;  // room for the labels of many classes

/// The text of a file beside `path`; empty if there is none.
std::string text_beside(const std::string& path, const char* name) {
  const std::string file = (fs::path(path).parent_path() / name).string();
  if (!fs::exists(file)) return {};
  const std::vector<std::byte> bytes = read_file(file, kMaxConfigBytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

SourceFacts find_facts(const std::string& path, std::string_view origin) {
  const std::string config = text_beside(path, "config.json");
  const auto beside = [&](const char* name) {
    return (fs::path(path).parent_path() / name).string();
  };
  const std::string where = beside("config.json");
  if (!config.empty()) parse_object(config, where);  // whosever it is
  const bool clip = origin == "OpenAI CLIP";
  const bool timm = !origin.starts_with("Hugging Face") && is_timm_config(config);
  if (const char* name = "open_clip_config.json"; clip || (origin == "timm" && !timm)) {
    const std::string open_clip = text_beside(path, name);
    if (!open_clip.empty()) return facts_of_open_clip(open_clip, beside(name));
  }
  if (timm) return facts_of_timm(config, origin, where);
  if (origin.starts_with("Hugging Face") && !config.empty()) {
    return facts_of_hugging_face(config, text_beside(path, "preprocessor_config.json"), where,
                                 text_beside(path, "processor_config.json"));
  }
  SourceFacts facts = facts_of_origin(origin);
  if (!config.empty()) {
    facts.notes.push_back(fmt::format(
        "{} is neither timm's nor Hugging Face's, or not of weights with these names: not used",
        where));
  }
  if (clip) {
    // OpenAI's files have other names; most of open_clip's models have another GELU.
    if (fs::path(path).filename().string().starts_with("open_clip_")) {
      throw FormatError(FormatKind::kUnsupported, path, -1,
                        "which GELU and how many heads it has says open_clip_config.json, which is "
                        "not beside it: put it there");
    }
    facts.notes.emplace_back(
        "weights do not show which GELU they were trained with: quick GELU, as OpenAI's; LAION's "
        "and others' are by erf, as an open_clip_config.json beside them would say");
  }
  return facts;
}

/// A tensor that is one number, at the top of a whole model or of its visual tower.
std::optional<double> lone_number(const TensorArchive& archive, std::string_view name) {
  const RawTensor* tensor = archive.find(name);
  if (tensor == nullptr || tensor->size() != 1) return std::nullopt;
  return double{to_float32(*tensor, name)[0]};
}

/// Means or deviations for so many channels; one is for all.
void fit_channels(std::vector<double>& values, size_t channels, const char* what,
                  SourceFacts& facts, std::string_view path) {
  if (values.size() == channels) return;
  const std::string said = fmt::format("{} of {} numbers for {} channels: {}", what, values.size(),
                                       channels, facts.preprocess_source);
  if (values.size() == 1) {
    values.assign(channels, values.front());
  } else if (facts.preprocess_known) {
    throw FormatError(FormatKind::kMismatch, path, -1, said);
  } else {
    facts.notes.push_back(fmt::format("{}; taken for 0.5", said));
    values.assign(channels, 0.5);
  }
}

/// The preprocessing for pictures of the size that the network takes.
Preprocess fit_preprocess(SourceFacts& facts, const NetworkConfig& config, std::string_view path) {
  Preprocess rule = facts.preprocess;
  if (!facts.picture_size_is_its_own) {
    rule.height = config.image_height;
    rule.width = config.image_width;
  }
  if (config.channels != 1 && config.channels != 3) return rule;  // no pictures of files
  rule.channels = static_cast<int>(config.channels);
  const auto channels = static_cast<size_t>(rule.channels);
  fit_channels(rule.mean, channels, "mean", facts, path);
  fit_channels(rule.stddev, channels, "std", facts, path);
  try {
    rule.validate();
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kBadHeader, path, -1, e.what());
  }
  return rule;
}

}  // namespace

Model read_foreign_description(const TensorArchive& archive, MappedWeights& weights) {
  SourceFacts facts = find_facts(archive.path(), weights.origin);
  const auto config = config_of_weights(weights, facts, archive.path());
  fit_names(weights, *config, archive.path());
  check_claims(facts.claims, *config, weights,
               facts.claims_path.empty() ? archive.path() : facts.claims_path, facts.notes);
  const NetworkConfig& c = *config;
  int64_t numbers = 2 * c.classes;  // the biases of two heads may be zeros
  for (const MappedTensor& tensor : weights.tensors()) {
    for (const MappedPart& part : tensor.parts) numbers += part.tensor.size();
  }

  Model model;
  model.network = build_network(c, numbers, archive);
  model.resampling = facts.resampling;
  model.logit_scale = lone_number(archive, "logit_scale");
  model.logit_bias = lone_number(archive, "logit_bias");
  model.class_order = facts.class_order;
  model.preprocess = fit_preprocess(facts, c, archive.path());
  model.notes.push_back(
      fmt::format("read as {} weights; {}: {}", weights.origin, facts.source, c.summary()));
  nlohmann::json rule = model.preprocess.to_json();
  const Dissolved at_the_end(rule);
  model.notes.push_back(
      fmt::format("preprocessing by {}: {}", facts.preprocess_source, write_json(rule)));
  std::ranges::copy(facts.notes, std::back_inserter(model.notes));
  std::ranges::copy(weights.notes, std::back_inserter(model.notes));
  if (facts.labels.size() == static_cast<size_t>(c.classes)) {
    model.labels = facts.labels;
  } else if (!facts.labels.empty()) {
    model.notes.push_back(
        fmt::format("{} labels for {} classes are left out", facts.labels.size(), c.classes));
  }
  return model;
}

}  // namespace vitrine
