#pragma once

#include "core/formats/tensor_archive.hpp"
#include "models/weights/mapped_weights.hpp"
#include "models/weights/model.hpp"

namespace vitrine {

/// What describes the model of a file that this program did not write, whose tensors are `weights`
/// (translate_names); the network's weights are not initialised. What the file does not say comes
/// from config.json and preprocessor_config.json beside it (timm's or Hugging Face's), else from
/// the habits of the ecosystem; Model::notes says what was decided. `weights` changes where they
/// have a thing elsewhere than our networks (config_of_weights). Throws FormatError.
Model read_foreign_description(const TensorArchive& archive, MappedWeights& weights);

}  // namespace vitrine
