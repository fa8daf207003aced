#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "models/weights/model.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// Lets a model, frozen or not, see images of another size, in pixels: its network is resized
/// (Network::resize), pictures are prepared for the new size by the rule that they had, the part
/// that is cut out of them (crop_pct) with it, as timm does; Model::notes says what was chosen.
///   resampling   of the position embedding, one of kPositionResamplings; "" for the way of the
///                weights' source
///   patch        pixels of a patch, of a ViT that is not frozen; its own if not given
/// Throws UsageError for sizes that the network cannot take, and for a resampling that is unknown
/// or has no embedding; the model is then as before.
void resize_model(Model& model, int64_t height, int64_t width, std::string_view resampling = "",
                  std::optional<Size2d> patch = {});

/// Lets the network see pictures as the model's preprocessing makes them, where that is another
/// size than it was trained at: published DINOv2 folders have 518 pixels and make 224. To be called
/// wherever a model is to see pictures and no other size is asked for; a model that is only written
/// again keeps what it has. Throws UsageError for a size that the network cannot take.
void fit_to_pictures(Model& model);

}  // namespace vitrine
