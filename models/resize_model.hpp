#pragma once

#include <cstdint>
#include <string_view>

#include "models/checkpoint.hpp"

namespace vitrine {

/// Lets a model, frozen or not, see images of another size, in pixels: its network is resized
/// (Network::resize), pictures are prepared for the new size by the rule that they had, the part
/// that is cut out of them (crop_pct) with it, as timm does; Model::notes says what was chosen.
///   resampling   of the position embedding, one of kPositionResamplings; "" for the way of the
///                weights' source
/// Throws UsageError for sizes that the network cannot take, and for a resampling that is unknown
/// or has no embedding; the model is then as before.
void resize_model(Model& model, int64_t height, int64_t width, std::string_view resampling = "");

}  // namespace vitrine
