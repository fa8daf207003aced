#include "models/weights/checkpoint.hpp"

#include <fmt/format.h>

#include <charconv>

#include "core/error.hpp"
#include "core/text/json_problem.hpp"
#include "core/text/json_text.hpp"
#include "models/weights/load_weights.hpp"
#include "models/weights/precision.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr const char* kFormatKey = "vitrine.format";

void check_version(const TensorArchive& archive) {
  const std::string& text = require_metadata(archive, kFormatKey);
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version < 1) {
    throw FormatError(FormatKind::kBadHeader, archive.path(), -1,
                      fmt::format("vitrine.format is '{}', not a version", text));
  }
  if (version > kFormatVersion) {
    throw FormatError(FormatKind::kUnsupported, archive.path(), -1,
                      fmt::format("written in format {}, this program reads up to {}: use a newer "
                                  "vitrine",
                                  version, kFormatVersion));
  }
}

std::vector<std::string> parse_labels(const TensorArchive& archive) {
  const auto found = archive.metadata().find("vitrine.labels");
  if (found == archive.metadata().end()) return {};
  try {
    json labels = parse_json(found->second);
    const Dissolved at_the_end(labels);
    return labels.get<std::vector<std::string>>();
  } catch (const json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, archive.path(), -1,
                      fmt::format("vitrine.labels: {}", json_problem(e)));
  }
}

/// A number of the metadata, if it is there.
std::optional<double> parse_number(const TensorArchive& archive, const char* key) {
  const auto found = archive.metadata().find(key);
  if (found == archive.metadata().end()) return std::nullopt;
  const json value = try_parse_json(found->second);
  if (value.is_number()) return value.get<double>();
  throw FormatError(FormatKind::kBadHeader, archive.path(), -1,
                    fmt::format("{} is no number", key));
}

/// Refuses preprocessing that makes pictures of another size than the network takes. Networks of
/// other channels than pictures have see none.
void check_pictures_fit(const NetworkConfig& c, const Preprocess& p, std::string_view path) {
  const bool fits =
      p.height == c.image_height && p.width == c.image_width && p.channels == c.channels;
  if (fits || (c.channels != 1 && c.channels != 3)) return;
  throw FormatError(
      FormatKind::kMismatch, path, -1,
      fmt::format("the preprocessing makes pictures of {} x {} x {}, the network "
                  "takes {} x {} x {}",
                  p.height, p.width, p.channels, c.image_height, c.image_width, c.channels));
}

}  // namespace

Metadata model_metadata(const Model& model) {
  Metadata metadata{{kFormatKey, std::to_string(kFloatFormatVersion)},
                    {"vitrine.config", write_json(model.network->network_config().to_json())},
                    {"vitrine.preprocess", write_json(model.preprocess.to_json())}};
  if (!model.labels.empty()) metadata["vitrine.labels"] = write_json(json(model.labels));
  if (model.resampling != Model().resampling) {
    metadata["vitrine.position_resampling"] = name_of(kPositionResamplings, model.resampling);
  }
  if (model.labels.empty() && model.class_order == ClassOrder::kNatural) {
    metadata["vitrine.class_order"] = "natural";
  }
  if (!model.held_out.empty()) metadata["vitrine.held_out"] = model.held_out;
  if (model.logit_scale) metadata["vitrine.logit_scale"] = write_json(json(*model.logit_scale));
  if (model.logit_bias) metadata["vitrine.logit_bias"] = write_json(json(*model.logit_bias));
  return metadata;
}

RawTensor raw_tensor(const Tensor& tensor) {
  const auto dims = tensor.shape().dims();
  return {Dtype::kF32, {dims.begin(), dims.end()}, std::as_bytes(tensor.values())};
}

std::vector<NamedTensor> model_tensors(const Model& model) {
  std::vector<NamedTensor> tensors;
  model.network->visit([&](const std::string& name, const Parameter& p, Role) {
    tensors.push_back({name, raw_tensor(p.value)});
  });
  return tensors;
}

void save_model(const std::string& path, const Model& model) {
  write_safetensors(path, model_tensors(model), model_metadata(model));
}

const std::string& require_metadata(const TensorArchive& archive, const std::string& key) {
  const auto found = archive.metadata().find(key);
  if (found == archive.metadata().end()) {
    throw FormatError(FormatKind::kMismatch, archive.path(), -1,
                      fmt::format("no model of this program: the metadata have no {}", key));
  }
  return found->second;
}

bool is_own_file(const TensorArchive& archive) { return archive.metadata().contains(kFormatKey); }

Model read_model_description(const TensorArchive& archive) {
  check_version(archive);
  Model model;
  try {
    const auto config = parse_network_config(require_metadata(archive, "vitrine.config"));
    int64_t numbers = 0;
    for (const auto& [name, tensor] : archive.tensors()) numbers += tensor.size();
    model.network = build_network(*config, numbers, archive);
    model.preprocess = Preprocess::parse(require_metadata(archive, "vitrine.preprocess"));
    check_pictures_fit(*config, model.preprocess, archive.path());
    const auto resampling = archive.metadata().find("vitrine.position_resampling");
    if (resampling != archive.metadata().end()) {
      model.resampling = value_of(kPositionResamplings, resampling->first, resampling->second);
    }
    const auto order = archive.metadata().find("vitrine.class_order");
    if (order != archive.metadata().end()) {
      if (order->second != "natural") throw UsageError("vitrine.class_order must be natural");
      model.class_order = ClassOrder::kNatural;
    }
    const auto precision = archive.metadata().find(kPrecisionKey);
    if (precision != archive.metadata().end()) {
      value_of(kPrecisions, precision->first, precision->second);
      model.notes.push_back(fmt::format("weights are kept in {}", precision->second));
    }
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kBadHeader, archive.path(), -1, e.what());
  }
  if (model.preprocess.exif == Exif::kAsStored) {
    model.notes.push_back(
        "pictures are seen as stored, without their EXIF orientation, as in training");
  }
  model.labels = parse_labels(archive);
  const auto held_out = archive.metadata().find("vitrine.held_out");
  if (held_out != archive.metadata().end()) model.held_out = held_out->second;
  model.logit_scale = parse_number(archive, "vitrine.logit_scale");
  model.logit_bias = parse_number(archive, "vitrine.logit_bias");
  const auto classes = static_cast<size_t>(model.network->network_config().classes);
  if (!model.labels.empty() && model.labels.size() != classes) {
    throw FormatError(FormatKind::kMismatch, archive.path(), -1,
                      fmt::format("{} labels for {} classes", model.labels.size(), classes));
  }
  return model;
}

}  // namespace vitrine
