#pragma once

#include <string_view>

#include "models/networks/vit_config.hpp"

namespace vitrine {

/// Sets width, depth, heads and MLP ratio of a size that has a name: tiny to gigantic, and those of
/// timm's sbb. Returns whether the name is one.
/// Source: Dosovitskiy et al. 2020 (table 1); Touvron et al. 2020 (Ti, S); Zhai et al. 2021 (g, G).
bool set_vit_size(VitConfig& config, std::string_view name);

}  // namespace vitrine
