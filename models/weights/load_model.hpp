#pragma once

#include <string>

#include "core/text/enum_names.hpp"
#include "models/weights/load_weights.hpp"
#include "models/weights/model.hpp"

namespace vitrine {

/// Which weights of a run's folder are meant.
enum class RunWeights {
  kBest,  ///< of the best epoch: model.safetensors
  kLast,  ///< those that the run would go on with: of its checkpoint, their average if it has one
};
inline constexpr EnumNames<RunWeights, 2> kRunWeights = {
    {{RunWeights::kBest, "best"}, {RunWeights::kLast, "last"}}};

/// Reads a model: a file of this program (models/weights/checkpoint.hpp), or weights of another
/// (models/weights/import_model.hpp) in any format of core/formats/tensor_archive.hpp; of a folder,
/// the first that it has of model.safetensors, checkpoint.safetensors, pytorch_model.bin and their
/// indices. Throws IoError, and FormatError if the file is no model, is newer than this program, or
/// its tensors do not fit its configuration. kLast is for a run's folder alone, else UsageError.
Model load_model(const std::string& path, RunWeights weights = RunWeights::kBest);

/// load_model, and the network frozen, its weights in `precision`; as the file has them if there is
/// none.
Model load_frozen_model(const std::string& path, Use use = Use::kOften,
                        RunWeights weights = RunWeights::kBest,
                        std::optional<Precision> precision = {});

/// The model's file behind `path`: itself, or the one in the folder. Throws IoError if there is
/// none.
std::string model_file(const std::string& path);

}  // namespace vitrine
