#pragma once

#include <optional>
#include <string>

#include "apps/command_line/command.hpp"
#include "models/weights/load_model.hpp"
#include "ops/kernels/precision.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// The options of every command that uses a model.
struct ModelOption {
  std::string model;                 ///< --model: file, folder, or the shipped model if empty
  std::string weights = "best";      ///< --weights: of a run's folder, a name of kRunWeights
  std::string labels;                ///< --labels: a file with one name per line
  std::optional<Size2d> image_size;  ///< --image-size; the model's own if not given
  std::optional<Size2d> patch_size;  ///< --patch-size; the model's own if not given
  std::string position_resampling;   ///< --position-resampling; "" for that of the weights' source
  bool no_exif = false;              ///< --no-exif: pictures as stored, whatever the model learned
  std::string precision;             ///< --precision: of its weights; "" for that of the file
};

/// Declares --model, --weights and --labels.
void add_model_option(CLI::App& command, ModelOption& option);

/// Declares --weights: of commands that name a model in another way.
void add_weights_option(CLI::App& command, std::string& weights);

/// Declares --image-size and --position-resampling.
void add_image_size_option(CLI::App& command, ModelOption& option);

/// Declares --patch-size: of commands that write the model again, since a frozen network keeps its
/// patches.
void add_patch_size_option(CLI::App& command, ModelOption& option);

/// Declares --image-size, --position-resampling, --no-exif and --precision: of commands in which a
/// model sees pictures.
void add_picture_options(CLI::App& command, ModelOption& option);

/// Declares --precision.
void add_precision_option(CLI::App& command, std::string& precision);

/// What --precision says; nothing for "". Throws UsageError.
std::optional<Precision> precision_of(std::string_view text);

/// Loads the model, frozen for `use` unless it is to be written again (nothing), gives it the image
/// size and orientation of pictures asked for, and prints on standard error what was decided about
/// that and about a file of another program, unless the user wants quiet. Throws what load_model
/// and resize_model throw, and UsageError if the labels are not as many as the classes.
Model open_model(const ModelOption& option, const CommonOptions& common,
                 std::optional<Use> use = Use::kOften);

}  // namespace vitrine
