#pragma once

#include <string>
#include <vector>

#include "models/weights/model.hpp"

namespace vitrine {

/// Writes a model as a Hugging Face folder: config.json, preprocessor_config.json and
/// model.safetensors under the names of transformers (ViT, DeiT, DINOv2, CLIP's image tower). The
/// folder is made if it does not exist; each file appears whole or not at all.
/// Returns what Hugging Face's form does not have and was dropped, a line each.
/// Throws UsageError if Hugging Face has no such network, and IoError.
std::vector<std::string> save_hugging_face(const std::string& folder, const Model& model);

}  // namespace vitrine
