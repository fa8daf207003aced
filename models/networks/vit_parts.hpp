#pragma once

#include "models/networks/vit_config.hpp"

namespace vitrine {

/// Throws UsageError for switches of a ViT that do not go together.
void validate_vit_parts(const VitConfig& config);

}  // namespace vitrine
