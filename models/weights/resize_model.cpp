#include "models/weights/resize_model.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "models/networks/vit.hpp"

namespace vitrine {

void resize_model(Model& model, int64_t height, int64_t width, std::string_view resampling,
                  std::optional<Size2d> patch) {
  const PositionResampling method =
      resampling.empty() ? model.resampling
                         : value_of(kPositionResamplings, "position resampling", resampling);
  auto* vit = dynamic_cast<Vit*>(model.network.get());
  const bool has_positions = vit != nullptr && vit->pos_embed.defined();
  if (!resampling.empty() && !has_positions && !patch) {
    throw UsageError(fmt::format(
        "position resampling '{}': this network has no position embedding; leave it out",
        resampling));
  }
  if (patch && vit == nullptr) {
    throw UsageError("patches of another size: this network is no vision transformer");
  }
  const NetworkConfig& config = model.network->network_config();
  const Size2d old{config.image_height, config.image_width};
  const Size2d old_grid = has_positions ? vit->config.grid() : Size2d();
  const Size2d old_patch = patch ? vit->config.patch_pixels() : Size2d();
  const bool other_patches = patch && *patch != old_patch;
  Preprocess rule = model.preprocess;
  const bool same_pictures = height == rule.height && width == rule.width;
  rule.height = height;
  rule.width = width;
  if (!other_patches && old == Size2d{height, width}) {
    model.preprocess = rule;
    return;
  }
  rule.validate();
  if (other_patches) {
    vit->resize({height, width}, *patch, method);
  } else {
    model.network->resize(height, width, method);
  }
  model.preprocess = rule;

  std::string note;
  if (other_patches) {
    note += fmt::format("patches of {} x {} pixels instead of {} x {}; ", patch->h, patch->w,
                        old_patch.h, old_patch.w);
  }
  note += fmt::format("images of {} x {} pixels instead of {} x {}: ", height, width, old.h, old.w);
  if (has_positions) {
    const Size2d grid = vit->config.grid();
    note += fmt::format(
        "position embedding resampled from {} x {} to {} x {} ({}), less accurate until it is "
        "fine-tuned; ",
        old_grid.h, old_grid.w, grid.h, grid.w, name_of(kPositionResamplings, method));
  }
  model.notes.push_back(
      note + (same_pictures ? "so the preprocessing makes them"
                            : fmt::format("preprocessing as before, crop_pct {}", rule.crop_pct)));
}

void fit_to_pictures(Model& model) {
  const NetworkConfig& config = model.network->network_config();
  const Preprocess& rule = model.preprocess;
  if (config.channels != 1 && config.channels != 3) return;  // no pictures of files
  try {
    resize_model(model, rule.height, rule.width);
  } catch (const UsageError& e) {
    throw UsageError(fmt::format("the preprocessing makes pictures of {} x {} pixels: {}",
                                 rule.height, rule.width, e.what()));
  }
}

}  // namespace vitrine
