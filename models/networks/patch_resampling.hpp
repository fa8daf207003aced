#pragma once

#include "core/tensor.hpp"
#include "models/networks/position_resampling.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// The weight (D, C, h, w) of a patch embedding for patches of another size, (D, C, patch.h,
/// patch.w): its products with patches that were resampled to that size are what they were with the
/// patches themselves, or where patches shrink as near to it as can be (FlexiViT: Beyer et al.
/// 2022, arXiv 2212.08013, section 3.4). Resampled as pictures are: their pixels are areas, so a
/// method that keeps the corners where they are counts as the one that does not.
Tensor resample_patch_weight(const Tensor& weight, Size2d patch, PositionResampling method);

}  // namespace vitrine
