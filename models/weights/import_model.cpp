#include "models/weights/import_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>

#include "core/error.hpp"
#include "models/weights/compare_with_config.hpp"
#include "models/weights/config_json.hpp"
#include "models/weights/weight_fit.hpp"

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

std::span<const int64_t> without_leading_ones(std::span<const int64_t> shape) {
  while (!shape.empty() && shape.front() == 1) shape = shape.subspan(1);
  return shape;
}

/// Old files have the patch embedding as a matrix (D, C p q).
bool is_flat_kernel(std::span<const int64_t> shape, std::span<const int64_t> wanted) {
  return shape.size() == 2 && wanted.size() == 4 && shape[0] == wanted[0] &&
         shape[1] == wanted[1] * wanted[2] * wanted[3];
}

bool fits(const MappedTensor& tensor, const Shape& wanted) {
  return std::ranges::equal(without_leading_ones(tensor.shape),
                            without_leading_ones(wanted.dims())) ||
         is_flat_kernel(tensor.shape, wanted.dims());
}

/// Refuses a configuration that needs more numbers than the file has, before they are allocated.
void check_size(const NetworkConfig& config, const MappedWeights& weights,
                const TensorArchive& archive) {
  int64_t elements = 2 * config.classes;  // the biases of two heads may be zeros
  for (const MappedTensor& tensor : weights.tensors()) {
    for (const MappedPart& part : tensor.parts) elements += part.tensor.size();
  }
  const int64_t parameters = config.parameters();
  if (parameters > elements) {
    throw FormatError(
        FormatKind::kMismatch, archive.path(), -1,
        fmt::format("the configuration needs {} numbers, the file holds {}", parameters, elements));
  }
  // The tensors of a pickle may all be views of the same few bytes.
  const auto bytes = static_cast<size_t>(archive.file_bytes());
  if (parameters * static_cast<int64_t>(sizeof(float)) > unpacking_limit(bytes)) {
    throw FormatError(
        FormatKind::kTooLarge, archive.path(), -1,
        fmt::format("the network has {} numbers, far more than a file of {} bytes can "
                    "hold",
                    parameters, bytes));
  }
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

void load_mapped_weights(Network& network, const MappedWeights& weights,
                         const TensorArchive& archive, std::optional<Use> frozen) {
  WeightFit fit;
  std::set<std::string> known;
  network.visit([&](const std::string& name, Parameter& p, Role) {
    known.insert(name);
    const MappedTensor* tensor = weights.find(name);
    if (tensor == nullptr) {
      fit.missing.push_back(name);
    } else if (!fits(*tensor, p.value.shape())) {
      fit.reshaped.push_back(fmt::format("{} is ({}), wanted {}", name,
                                         fmt::join(tensor->shape, ", "), p.value.shape().str()));
    }
  });
  for (const MappedTensor& tensor : weights.tensors()) {
    if (!known.contains(tensor.name)) fit.extra.push_back(tensor.name);
  }
  fit.require(archive.path());
  network.visit([&](const std::string& name, Parameter& p, Role role) {
    const MappedTensor& tensor = *weights.find(name);
    ParameterSource source{[&](std::span<float> values) { write_values(tensor, values); }};
    if (tensor.parts.size() == 1 && tensor.parts[0].layout == Layout::kSame) {
      source.whole = &tensor.parts[0].tensor;
      source.file = archive.file_of(*source.whole);
    }
    load_parameter(p, role, frozen, source);
    if (p.value.storage().borrowed()) return;
    for (const MappedPart& part : tensor.parts) archive.forget(part.tensor);
  });
}

Model import_model(const TensorArchive& archive, const NetworkConfig* config,
                   std::optional<Use> frozen) {
  MappedWeights weights = map_names(archive);
  SourceFacts facts = find_facts(archive.path(), weights.origin);
  std::unique_ptr<NetworkConfig> found;
  if (config == nullptr) {
    found = config_of_weights(weights, facts, archive.path());
    if (facts.agrees) facts.agrees(*found, weights);
    config = found.get();
    compare_with_config(*found, facts, archive.path());
  }
  const NetworkConfig& c = *config;
  check_size(c, weights, archive);

  Model model;
  model.network = c.build();
  load_mapped_weights(*model.network, weights, archive, frozen);
  model.resampling = facts.resampling;
  model.class_order = facts.class_order;
  model.preprocess = fit_preprocess(facts, c, archive.path());
  model.notes.push_back(
      fmt::format("read as {} weights; {}: {}", weights.origin, facts.source, c.summary()));
  model.notes.push_back(
      fmt::format("preprocessing by {}: {}", facts.preprocess_source, model.preprocess.to_json()));
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
