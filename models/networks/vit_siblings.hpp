#pragma once

#include <optional>
#include <string_view>

#include "models/networks/vit_config.hpp"

namespace vitrine {

/// The configuration behind timm's name of a sibling of the plain ViT; nothing for other names.
///   deit_<size>[_distilled]_patch16_<pixels>      Touvron et al. 2020
///   deit3_<size>_patch<p>_<pixels>                LayerScale, positions of the patches alone
///   vit_<size>_patch14[_reg4]_dinov2              518 pixels, no head; _reg1_tipsv2: 448
///   vit_<size>_patch<p>_clip[_quickgelu]_<pixels> CLIP's image tower
///   vit_<size>_patch<p>[_reg<r>]_gap_<pixels>     no class token, mean of the patches
///   vit_<size>_patch<p>_siglip[_gap]_<pixels>     SigLIP's towers; vit_so150m_patch16_reg4_map_256
///   vit_base_patch<p>_plus[_clip]_<pixels>        896 wide
///   eva_large_patch14_<pixels>, flexivit_<size>, vit_base_patch16_224_miil,
///   vit_small_patch16_36x1_224, test_vit, test_vit2
/// 1000 classes where timm's weights have several numbers of them. Further ones are in
/// models/networks/vit_families.hpp.
/// Source: timm 1.0.29, models/vision_transformer.py and models/deit.py.
std::optional<VitConfig> vit_sibling(std::string_view name);

}  // namespace vitrine
