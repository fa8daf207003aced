#pragma once

#include <string>

#include "apps/command.hpp"
#include "models/checkpoint.hpp"

namespace vitrine {

/// The options of every command that uses a model.
struct ModelOption {
  std::string model;   ///< --model: file, folder, or the shipped model if empty
  std::string labels;  ///< --labels: a file with one name per line
};

/// Declares --model and --labels.
void add_model_option(CLI::App& command, ModelOption& option);

/// The names of classes, one per line, in their order. Throws IoError and FormatError.
std::vector<std::string> read_labels(const std::string& path);

/// Loads the model, frozen unless it is to be written again, and prints on standard error what was
/// decided about a file of another program, unless the user wants quiet. Throws what load_model
/// throws, and UsageError if the labels are not as many as the classes.
Model open_model(const ModelOption& option, const CommonOptions& common, bool frozen = true);

}  // namespace vitrine
