#include "apps/command_line/model_option.hpp"

#include <fmt/format.h>

#include <charconv>

#include "core/error.hpp"
#include "models/data/class_names.hpp"
#include "models/inference/find_model.hpp"
#include "models/weights/precision.hpp"
#include "models/weights/resize_model.hpp"

namespace vitrine {
namespace {

/// Of an option, "384", or "384x512": height x width. Throws UsageError.
Size2d parse_pixels(const char* option, std::string_view text) {
  const auto number = [&](std::string_view digits) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      throw UsageError(
          fmt::format("{} '{}': give pixels along a side, such as 384, or 384x512 (height x width)",
                      option, text));
    }
    return value;
  };
  const size_t by = text.find('x');
  if (by == std::string_view::npos) return {number(text), number(text)};
  return {number(text.substr(0, by)), number(text.substr(by + 1))};
}

}  // namespace

void add_model_option(CLI::App& command, ModelOption& option) {
  add_option(command, "--model", option.model,
             "file or folder (of a run, of Hugging Face or timm); the shipped model if left "
             "out");
  add_weights_option(command, option.weights);
  add_option(command, "--labels", option.labels, "file with the name of a class in each line");
}

void add_weights_option(CLI::App& command, std::string& weights) {
  add_option(command, "--weights", weights,
             "of a run's folder: those of the best or the last epoch")
      .one_of({"best", "last"})
      .show_default();
}

void add_image_size_option(CLI::App& command, ModelOption& option) {
  add_option_function<std::string>(
      command, "--image-size",
      [&option](const std::string& text) {
        option.image_size = parse_pixels("--image-size", text);
      },
      "pixels along a side, or HEIGHTxWIDTH: what the model sees [as it was trained]");
  add_option(
      command, "--position-resampling", option.position_resampling,
      fmt::format("of the position embedding to --image-size: {}", kPositionResamplingNames));
}

void add_patch_size_option(CLI::App& command, ModelOption& option) {
  add_option_function<std::string>(
      command, "--patch-size",
      [&option](const std::string& text) {
        option.patch_size = parse_pixels("--patch-size", text);
      },
      "pixels along a side of a ViT's patch, or HEIGHTxWIDTH: weight and positions are resampled");
}

void add_picture_options(CLI::App& command, ModelOption& option) {
  add_image_size_option(command, option);
  add_flag(command, "--no-exif", option.no_exif,
           "do not turn pictures upright by their EXIF orientation [as it was trained]");
  add_precision_option(command, option.precision);
}

void add_precision_option(CLI::App& command, std::string& precision) {
  add_option(command, "--precision", precision,
             fmt::format("of the weights: {} [as in the file]", kPrecisionNames));
}

std::optional<Precision> precision_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return value_of(kPrecisions, "--precision", text);
}

Model open_model(const ModelOption& option, const CommonOptions& common, std::optional<Use> use) {
  if (!option.position_resampling.empty() && !option.image_size && !option.patch_size) {
    throw UsageError("--position-resampling needs an --image-size");
  }
  const std::string path = find_model(option.model);
  const RunWeights weights = value_of(kRunWeights, "--weights", option.weights);
  const std::optional<Precision> precision = precision_of(option.precision);
  Model model = use ? load_frozen_model(path, *use, weights, precision) : load_model(path, weights);
  if (option.image_size || option.patch_size) {
    const auto [height, width] =
        option.image_size.value_or(Size2d{model.preprocess.height, model.preprocess.width});
    resize_model(model, height, width, option.position_resampling, option.patch_size);
  } else if (use) {
    fit_to_pictures(model);
  }
  if (option.no_exif) model.preprocess.exif = Exif::kAsStored;
  print_notes(model.notes, common);
  if (option.labels.empty()) return model;
  model.labels = read_class_names(option.labels);
  if (static_cast<int64_t>(model.labels.size()) != model.network->network_config().classes) {
    throw UsageError(fmt::format("--labels {}: {} lines for {} classes", option.labels,
                                 model.labels.size(), model.network->network_config().classes));
  }
  return model;
}

}  // namespace vitrine
