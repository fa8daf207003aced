#pragma once

#include <nlohmann/json_fwd.hpp>

#include "models/preprocess.hpp"

namespace vitrine {

/// Takes what a preprocessor_config.json says. Throws json::exception or UsageError.
void read_hugging_face_preprocess(const nlohmann::json& config, Preprocess& rule);

/// The inverse: the object of a preprocessor_config.json.
nlohmann::json hugging_face_preprocess(const Preprocess& rule);

}  // namespace vitrine
