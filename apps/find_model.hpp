#pragma once

#include <string>

namespace vitrine {

/// The file of the model that comes with the program: models/pretrained/fashion_vit.safetensors of
/// the checkout that the program was built in, else share/vitrine/ of where it is installed.
/// Throws IoError if it is in neither place.
std::string shipped_model();

/// What `--model` names: a file, a run's or a model's folder; the shipped model for "" and for its
/// name, "fashion_vit". Throws UsageError if there is no such thing.
std::string find_model(const std::string& name);

}  // namespace vitrine
