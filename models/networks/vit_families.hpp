#pragma once

#include <optional>
#include <string_view>

#include "models/networks/vit_config.hpp"

namespace vitrine {

/// The configuration behind timm's name of a network of its classes Eva and Beit, or of a ViT whose
/// blocks are others; nothing for other names.
///   vit_<size>[_plus]_patch16_dinov3[_qkvb], vit_<size>_patch16_lingbot
///   eva_giant_patch14_[clip_]<pixels>, eva02_<size>_patch<p>_[clip_]<pixels>
///   vit_<size>_patch16_rope_[mixed_][ape_]224, vit_<size>_patch16_rope_reg<r>_gap_256
///   vit_pe_<core|lang|spatial>_<size>_patch<p>_<pixels>
///   beit_<size>_patch16_<pixels>, beitv2_..., beit3_<size>_patch<p>_<pixels>
///   aimv2_<size>_patch14_<pixels>
///   vit_base_patch16_rpn_224, vit_<size>_patch16_18x2_224, vit_<size>_patch<p>_xp_224,
///   vit_pwee_patch16_reg1_gap_256, vit_intern300m_patch14_448, test_vit3, test_vit4
/// Source: timm 1.0.29, models/eva.py, beit.py, vision_transformer.py.
std::optional<VitConfig> vit_family_member(std::string_view name);

}  // namespace vitrine
