#include "models/weights/load_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <filesystem>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/import_model.hpp"
#include "models/weights/precision.hpp"
#include "models/weights/translate_names.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckpointFile = "checkpoint.safetensors";

/// What a run would go on with.
std::string checkpoint_file(const std::string& path) {
  const std::string file = path + "/" + kCheckpointFile;
  if (fs::exists(file)) return file;
  throw UsageError(fmt::format(
      "{}: no {} here; the last weights are those of a run's folder, after its first epoch", path,
      kCheckpointFile));
}

Model read_model(const std::string& path, RunWeights which, std::optional<Use> frozen,
                 std::optional<Precision> precision = {}) {
  const bool last = which == RunWeights::kLast;
  const std::string file = last ? checkpoint_file(path) : model_file(path);
  // What is used once stays in the file, and so does what a checkpoint holds beside its weights.
  const Backing backing = last || frozen == Use::kOnce ? Backing::kFile : Backing::kMemory;
  const TensorArchive archive(file, backing);
  const bool own = last || is_own_file(archive);
  MappedWeights weights = own ? own_weights(archive, last) : translate_names(archive);
  Model model = own ? read_model_description(archive) : read_foreign_description(archive, weights);
  if (last) require_metadata(archive, "vitrine.training");
  load_weights(*model.network, weights, archive, frozen, precision);
  return model;
}

}  // namespace

std::string model_file(const std::string& path) {
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

Model load_model(const std::string& path, RunWeights weights) {
  return read_model(path, weights, std::nullopt);
}

Model load_frozen_model(const std::string& path, Use use, RunWeights weights,
                        std::optional<Precision> precision) {
  Model model = read_model(path, weights, use, precision);
  model.network->freeze();
  if (precision) set_precision(*model.network, *precision);
  trim_memory();
  return model;
}

}  // namespace vitrine
