#pragma once

#include <string>

namespace vitrine {

/// The file of the model that comes with Vitrine, fashion_vit.safetensors: in models/pretrained of
/// the checkout that this program or shared library was built in, in share/vitrine of where it is
/// installed, or in /usr/local/share/vitrine or /usr/share/vitrine.
/// Throws IoError if it is in none of these places.
std::string shipped_model();

/// What a user names: a file, a run's or a model's folder; the shipped model for "" and for its
/// name, "fashion_vit". Throws UsageError, with the nearest name there, if there is no such thing.
std::string find_model(const std::string& name);

}  // namespace vitrine
