#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace vitrine {

/// The options of a recipe of training, under the names of config.json.
///   name   a file, or the name of one of apps/recipes (share/vitrine/recipes where installed):
///          {"description": text, "source": text, "options": {...}}; "init": null says that it is
///          for weights that were trained before, which the user names. A "model" may be an object,
///          a network's configuration; what is returned has its text
/// Throws UsageError for an unknown name, IoError and FormatError for a file that cannot be used.
nlohmann::json read_recipe(const std::string& name);

/// Names of the recipes that come with the program, sorted.
std::vector<std::string> recipe_names();

/// "augment.flip=0.5" into {"augment": {"flip": 0.5}} of `options`: the value is JSON, or else
/// text. Throws UsageError if there is no key, or a part of it is no object.
void set_option(nlohmann::json& options, const std::string& assignment);

}  // namespace vitrine
