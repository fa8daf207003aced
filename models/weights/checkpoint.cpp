#include "models/weights/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <filesystem>
#include <set>

#include "core/error.hpp"
#include "core/formats/tensor_archive.hpp"
#include "core/memory.hpp"
#include "core/text/json_problem.hpp"
#include "core/text/json_text.hpp"
#include "models/weights/import_model.hpp"
#include "models/weights/weight_fit.hpp"
#include "ops/gemm/gemm_packed.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr const char* kCheckpointFile = "checkpoint.safetensors";

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
    json labels = parse_json(found->second);
    const Dissolved at_the_end(labels);
    return labels.get<std::vector<std::string>>();
  } catch (const json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1,
                      fmt::format("vitrine.labels: {}", json_problem(e)));
  }
}

/// Refuses a configuration that needs more numbers than the file has, before they are allocated.
void check_size(const SafetensorsFile& file, const NetworkConfig& config) {
  int64_t elements = 0;
  for (const auto& [name, tensor] : file.tensors()) elements += tensor.size();
  if (config.parameters() > elements) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      fmt::format("the configuration needs {} numbers, the file holds {}",
                                  config.parameters(), elements));
  }
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

/// The source's values where they lie; undefined if they cannot be used there.
Tensor borrowed_values(const ParameterSource& source, const Shape& shape) {
  if (source.whole == nullptr || source.file == nullptr) return {};
  const std::span<const std::byte> bytes = source.whole->bytes;
  const bool aligned = std::bit_cast<uintptr_t>(bytes.data()) % alignof(float) == 0;
  if (source.whole->dtype != Dtype::kF32 || !aligned) return {};
  const auto* values = reinterpret_cast<const float*>(bytes.data());
  source.file->populate(bytes);
  return Tensor::borrow({values, bytes.size() / sizeof(float)}, shape, source.file->mapping());
}

}  // namespace

Metadata model_metadata(const Model& model) {
  Metadata metadata{{"vitrine.format", std::to_string(kFormatVersion)},
                    {"vitrine.config", model.network->network_config().to_json()},
                    {"vitrine.preprocess", model.preprocess.to_json()}};
  if (!model.labels.empty()) metadata["vitrine.labels"] = write_json(json(model.labels));
  if (model.resampling != Model().resampling) {
    metadata["vitrine.position_resampling"] = name_of(kPositionResamplings, model.resampling);
  }
  if (model.labels.empty() && model.class_order == ClassOrder::kNatural) {
    metadata["vitrine.class_order"] = "natural";
  }
  if (!model.held_out.empty()) metadata["vitrine.held_out"] = model.held_out;
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

std::string model_file(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return path;
  constexpr std::array kNames = {"model.safetensors",
                                 kCheckpointFile,
                                 "model.safetensors.index.json",
                                 "pytorch_model.bin",
                                 "pytorch_model.bin.index.json",
                                 "open_clip_model.safetensors",
                                 "open_clip_pytorch_model.bin"};
  for (const char* name : kNames) {
    const fs::path file = fs::path(path) / name;
    if (fs::exists(file)) return file.string();
  }
  throw IoError(path, fmt::format("no model here: none of {}", fmt::join(kNames, ", ")));
}

Model read_model_description(const SafetensorsFile& file) {
  check_version(file);
  Model model;
  try {
    const auto config = network_config_from_json(require(file, "vitrine.config"));
    check_size(file, *config);
    model.network = config->build();
    model.preprocess = Preprocess::from_json(require(file, "vitrine.preprocess"));
    check_pictures_fit(*config, model.preprocess, file.path());
    const auto resampling = file.metadata().find("vitrine.position_resampling");
    if (resampling != file.metadata().end()) {
      model.resampling = value_of(kPositionResamplings, resampling->first, resampling->second);
    }
    const auto order = file.metadata().find("vitrine.class_order");
    if (order != file.metadata().end()) {
      if (order->second != "natural") throw UsageError("vitrine.class_order must be natural");
      model.class_order = ClassOrder::kNatural;
    }
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1, e.what());
  }
  if (model.preprocess.exif == Exif::kAsStored) {
    model.notes.push_back(
        "pictures are seen as stored, without their EXIF orientation, as in training");
  }
  model.labels = parse_labels(file);
  const auto held_out = file.metadata().find("vitrine.held_out");
  if (held_out != file.metadata().end()) model.held_out = held_out->second;
  const auto classes = static_cast<size_t>(model.network->network_config().classes);
  if (!model.labels.empty() && model.labels.size() != classes) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      fmt::format("{} labels for {} classes", model.labels.size(), classes));
  }
  return model;
}

void load_parameter(Parameter& parameter, Role role, std::optional<Use> frozen,
                    const ParameterSource& source) {
  Tensor& value = parameter.value;
  const bool pack = frozen && role == Role::kWeight && value.rank() == 2;
  if (pack && frozen == Use::kOnce) {
    if (Tensor borrowed = borrowed_values(source, value.shape()); borrowed.defined()) {
      value = std::move(borrowed);
      return;
    }
  }
  // The memory of the matrix before, which is packed by now, is used again.
  if (pack) value = Tensor::empty(value.shape());
  source.write({value.mutable_data(), static_cast<size_t>(value.numel())});
  if (!pack) return;
  value.freeze();
  pack_weight(value);
}

void load_weights(Network& network, const SafetensorsFile& file,
                  const std::vector<std::string>& ignored, std::optional<Use> frozen,
                  const std::string& preferred) {
  const auto tensor_of = [&](const std::string& name) {
    const RawTensor* tensor = preferred.empty() ? nullptr : file.find(preferred + name);
    return tensor != nullptr ? tensor : file.find(name);
  };
  WeightFit fit;
  std::set<std::string> known;
  network.visit([&](const std::string& name, Parameter& p, Role) {
    known.insert(name);
    const RawTensor* tensor = tensor_of(name);
    if (tensor == nullptr) {
      fit.missing.push_back(name);
    } else if (!std::ranges::equal(tensor->shape, p.value.shape().dims())) {
      fit.reshaped.push_back(fmt::format("{} is ({}), wanted {}", name,
                                         fmt::join(tensor->shape, ", "), p.value.shape().str()));
    }
  });
  for (const auto& [name, tensor] : file.tensors()) {
    const bool skip = std::ranges::any_of(
        ignored, [&n = name](const std::string& prefix) { return n.starts_with(prefix); });
    const bool count = name.ends_with(".num_batches_tracked");
    if (!skip && !count && !known.contains(name)) fit.extra.push_back(name);
  }
  fit.require(file.path());
  network.visit([&](const std::string& name, Parameter& p, Role role) {
    const RawTensor& tensor = *tensor_of(name);
    load_parameter(p, role, frozen,
                   {.write = [&](std::span<float> values) { to_float32(tensor, name, values); },
                    .whole = &tensor,
                    .file = &file.file()});
    if (!p.value.storage().borrowed()) file.forget(tensor);
  });
}

namespace {

/// What a run would go on with.
Model read_last(const std::string& path, std::optional<Use> frozen) {
  const std::string checkpoint = path + "/" + kCheckpointFile;
  if (!std::filesystem::exists(checkpoint)) {
    throw UsageError(fmt::format(
        "{}: no {} here; the last weights are those of a run's folder, after its first epoch", path,
        kCheckpointFile));
  }
  const SafetensorsFile file(checkpoint);
  Model model = read_model_description(file);
  require(file, "vitrine.training");
  load_weights(*model.network, file, {"optimizer/", "ema/"}, frozen, "ema/");
  return model;
}

Model read_model(const std::string& path, RunWeights which, std::optional<Use> frozen) {
  if (which == RunWeights::kLast) return read_last(path, frozen);
  const std::string weights = model_file(path);
  // Only what is used once stays in the file.
  const Backing backing = frozen == Use::kOnce ? Backing::kFile : Backing::kMemory;
  const TensorArchive archive(weights, backing);
  if (!archive.metadata().contains("vitrine.format")) {
    return import_model(archive, nullptr, frozen);
  }
  const SafetensorsFile file(is_shard_index(weights) ? MappedFile(weights) : archive.first_file());
  Model model = read_model_description(file);
  load_weights(*model.network, file, {"optimizer/", "ema/"}, frozen);
  return model;
}

}  // namespace

Model load_model(const std::string& path, RunWeights weights) {
  return read_model(path, weights, std::nullopt);
}

Model load_frozen_model(const std::string& path, Use use, RunWeights weights) {
  Model model = read_model(path, weights, use);
  model.network->freeze();
  trim_memory();
  return model;
}

}  // namespace vitrine
