#include "models/c_api/open_models.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <mutex>

#include "core/error.hpp"
#include "core/screen_text.hpp"
#include "models/c_api/sized_struct.hpp"
#include "models/inference/find_model.hpp"
#include "models/inference/top_classes.hpp"
#include "models/weights/precision.hpp"
#include "models/weights/resize_model.hpp"

namespace vitrine {
namespace {

uintptr_t number_of(const vitrine_model* handle) { return std::bit_cast<uintptr_t>(handle); }

[[noreturn]] void refuse(const vitrine_model* handle) {
  throw UsageError(handle == nullptr ? "the model is a null pointer"
                                     : "the model is not open: it was closed, or never opened");
}

const char* resampling_of(const vitrine_open_options& options) {
  return options.position_resampling == nullptr ? "" : options.position_resampling;
}

std::optional<Precision> precision_of(const vitrine_open_options& options) {
  if (options.precision == nullptr || *options.precision == '\0') return std::nullopt;
  return value_of(kPrecisions, "precision", options.precision);
}

/// What a caller asks for, as far as it can be judged without the model.
vitrine_open_options known_options(const vitrine_open_options* options) {
  if (options == nullptr) return {};
  // What the first version of the interface had: nothing may be left out.
  constexpr size_t kFirstSize =
      offsetof(vitrine_open_options, position_resampling) + sizeof(const char*);
  const size_t size = options->size;
  if (!is_struct_size(size, kFirstSize)) {
    throw UsageError(
        fmt::format("options.size is {}; set it to sizeof(vitrine_open_options)", size));
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(options);
  if (says_more<vitrine_open_options>(bytes, size)) {
    throw UsageError("options ask for what this version of Vitrine does not have");
  }
  const auto known = known_part<vitrine_open_options>(bytes, size);
  if ((known.image_height == 0) != (known.image_width == 0)) {
    throw UsageError(fmt::format("image_height is {}, image_width {}: set both, or neither",
                                 known.image_height, known.image_width));
  }
  if (known.image_height == 0 && *resampling_of(known) != '\0') {
    throw UsageError("position_resampling needs an image_height and image_width");
  }
  return known;
}

}  // namespace

std::shared_ptr<const OpenModel> open_model_file(const std::string& name,
                                                 const vitrine_open_options* options) {
  const vitrine_open_options asked = known_options(options);
  auto open = std::make_shared<OpenModel>();
  open->model =
      load_frozen_model(find_model(name), Use::kOften, RunWeights::kBest, precision_of(asked));
  if (asked.image_height != 0) {
    resize_model(open->model, asked.image_height, asked.image_width, resampling_of(asked));
  } else {
    fit_to_pictures(open->model);
  }
  const int64_t classes = open->model.network->network_config().classes;
  for (int64_t i = 0; i < classes; ++i) open->labels.push_back(class_label(open->model, i));
  for (const std::string& note : open->model.notes) {
    open->notes += fmt::format("{}{}", open->notes.empty() ? "" : "\n", screen_text(note));
  }
  return open;
}

vitrine_model* OpenModels::add(std::shared_ptr<const OpenModel> model) {
  const std::lock_guard lock(mutex_);
  // Odd: no object lies there.
  last_ = last_ == 0 ? 1 : last_ + 2;
  models_.emplace(last_, std::move(model));
  return std::bit_cast<vitrine_model*>(last_);
}

std::shared_ptr<const OpenModel> OpenModels::get(const vitrine_model* handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(number_of(handle));
  if (found == models_.end()) refuse(handle);
  return found->second;
}

void OpenModels::remove(const vitrine_model* handle) {
  // The model itself ends after the lock: giving much memory back takes its time.
  std::shared_ptr<const OpenModel> model;
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(number_of(handle));
  if (found == models_.end()) refuse(handle);
  model = std::move(found->second);
  models_.erase(found);
}

bool OpenModels::empty() const {
  const std::lock_guard lock(mutex_);
  return models_.empty();
}

}  // namespace vitrine
