#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "models/networks/vit_config.hpp"

namespace vitrine {

/// A size of trunk that has a name.
struct VitSize {
  std::string_view name;
  int64_t width, depth, heads;
  double mlp_ratio = 4;
};

/// Sets width, depth, heads and MLP ratio of a size that has a name: one of a family's own, or else
/// tiny to gigantic, and those of timm's sbb. Returns whether the name is one.
/// Source: Dosovitskiy et al. 2020 (table 1); Touvron et al. 2020 (Ti, S); Zhai et al. 2021 (g, G).
bool set_vit_size(VitConfig& config, std::string_view name, std::span<const VitSize> own = {});

/// Square pictures and patches, in pixels along a side.
void set_vit_pixels(VitConfig& config, int64_t pixels, int64_t patch);

}  // namespace vitrine
