#include "models/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// At most this many names in one message.
constexpr size_t kNamesShown = 4;

std::string some_of(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kNamesShown);
  std::string text = fmt::format(
      "{}", fmt::join(names.begin(), names.begin() + static_cast<ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

const std::string& require(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      fmt::format("no model of this program: the metadata have no {}", key));
  }
  return found->second;
}

void check_version(const SafetensorsFile& file) {
  const std::string& text = require(file, "vitrine.format");
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version < 1) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1,
                      fmt::format("vitrine.format is '{}', not a version", text));
  }
  if (version > kFormatVersion) {
    throw FormatError(FormatKind::kUnsupported, file.path(), -1,
                      fmt::format("written in format {}, this program reads up to {}: use a newer "
                                  "vitrine",
                                  version, kFormatVersion));
  }
}

std::vector<std::string> parse_labels(const SafetensorsFile& file) {
  const auto found = file.metadata().find("vitrine.labels");
  if (found == file.metadata().end()) return {};
  try {
    return json::parse(found->second).get<std::vector<std::string>>();
  } catch (const json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1,
                      fmt::format("vitrine.labels: {}", e.what()));
  }
}

/// Refuses a configuration that needs more numbers than the file has, before they are allocated.
void check_size(const SafetensorsFile& file, const VitConfig& config) {
  int64_t elements = 0;
  for (const auto& [name, tensor] : file.tensors()) elements += tensor.size();
  if (config.parameters() > elements) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      fmt::format("the configuration needs {} numbers, the file holds {}",
                                  config.parameters(), elements));
  }
}

Shape shape_of(const RawTensor& tensor) { return Shape(std::span<const int64_t>(tensor.shape)); }

}  // namespace

Metadata model_metadata(const Model& model) {
  Metadata metadata{{"vitrine.format", std::to_string(kFormatVersion)},
                    {"vitrine.config", model.vit->config.to_json()},
                    {"vitrine.preprocess", model.preprocess.to_json()}};
  if (!model.labels.empty()) metadata["vitrine.labels"] = json(model.labels).dump();
  return metadata;
}

RawTensor raw_tensor(const Tensor& tensor) {
  const auto dims = tensor.shape().dims();
  return {Dtype::kF32, {dims.begin(), dims.end()}, std::as_bytes(tensor.values())};
}

std::vector<NamedTensor> model_tensors(const Model& model) {
  std::vector<NamedTensor> tensors;
  model.vit->visit([&](const std::string& name, const Parameter& p, Role) {
    tensors.push_back({name, raw_tensor(p.value)});
  });
  return tensors;
}

void save_model(const std::string& path, const Model& model) {
  write_safetensors(path, model_tensors(model), model_metadata(model));
}

std::string model_file(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return path;
  for (const char* name : {"model.safetensors", "checkpoint.safetensors"}) {
    const fs::path file = fs::path(path) / name;
    if (fs::exists(file)) return file.string();
  }
  throw IoError(path, "no model here: neither model.safetensors nor checkpoint.safetensors");
}

Model read_model_description(const SafetensorsFile& file) {
  check_version(file);
  Model model;
  try {
    const VitConfig config = VitConfig::from_json(require(file, "vitrine.config"));
    check_size(file, config);
    model.vit = std::make_unique<Vit>(config);
    model.preprocess = Preprocess::from_json(require(file, "vitrine.preprocess"));
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1, e.what());
  }
  model.labels = parse_labels(file);
  const auto classes = static_cast<size_t>(model.vit->config.classes);
  if (!model.labels.empty() && model.labels.size() != classes) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      fmt::format("{} labels for {} classes", model.labels.size(), classes));
  }
  return model;
}

void load_weights(Vit& vit, const SafetensorsFile& file, const std::vector<std::string>& ignored) {
  std::vector<std::string> missing;
  std::vector<std::string> reshaped;
  std::set<std::string> known;
  vit.visit([&](const std::string& name, Parameter& p, Role) {
    known.insert(name);
    const RawTensor* tensor = file.find(name);
    if (tensor == nullptr) {
      missing.push_back(name);
    } else if (shape_of(*tensor) != p.value.shape()) {
      reshaped.push_back(
          fmt::format("{} is {}, wanted {}", name, shape_of(*tensor).str(), p.value.shape().str()));
    }
  });
  std::vector<std::string> extra;
  for (const auto& [name, tensor] : file.tensors()) {
    const bool skip = std::ranges::any_of(
        ignored, [&n = name](const std::string& prefix) { return n.starts_with(prefix); });
    if (!skip && !known.contains(name)) extra.push_back(name);
  }
  if (!missing.empty() || !extra.empty() || !reshaped.empty()) {
    std::vector<std::string> parts;
    if (!missing.empty()) parts.push_back("missing " + some_of(missing));
    if (!extra.empty()) parts.push_back("extra " + some_of(extra));
    if (!reshaped.empty()) parts.push_back(some_of(reshaped));
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      fmt::format("the weights do not fit the model: {}", fmt::join(parts, "; ")));
  }
  vit.visit([&](const std::string& name, Parameter& p, Role) {
    const RawTensor& tensor = *file.find(name);
    to_float32(tensor, name, {p.value.mutable_data(), static_cast<size_t>(p.value.numel())});
    file.release(tensor);
  });
}

Model load_model(const std::string& path) {
  const SafetensorsFile file(model_file(path));
  Model model = read_model_description(file);
  load_weights(*model.vit, file, {"optimizer/", "ema/"});
  return model;
}

}  // namespace vitrine
