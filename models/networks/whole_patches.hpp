#pragma once

#include <cstdint>

#include "models/networks/vit_config.hpp"

namespace vitrine {

/// Throws UsageError, which names the nearest sizes that do, unless images of these sides in pixels
/// divide into the patches of `config`.
void require_whole_patches(const VitConfig& config, int64_t image_height, int64_t image_width);

}  // namespace vitrine
