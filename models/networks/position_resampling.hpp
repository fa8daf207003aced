#pragma once

#include "core/text/enum_names.hpp"

namespace vitrine {

/// How the grid of a position embedding is resampled. Every ecosystem has its own way, and the
/// results differ by several per cent.
enum class PositionResampling {
  kBicubicAntialias,  ///< timm: Keys' cubic with a = -0.5, support widened when shrinking, weights
                      ///< normalised at the borders
  kBicubic,           ///< Hugging Face, DeiT, MAE: a = -0.75, never widened
  kBicubicCorners,    ///< torchvision: the same, and the corners stay where they are
  kBilinear,          ///< timm's reader of Google's files
  kBilinearCorners,   ///< Google: the corners stay where they are
};

/// The names that options and files use.
inline constexpr EnumNames<PositionResampling, 5> kPositionResamplings = {
    {{PositionResampling::kBicubicAntialias, "bicubic-antialias"},
     {PositionResampling::kBicubic, "bicubic"},
     {PositionResampling::kBicubicCorners, "bicubic-corners"},
     {PositionResampling::kBilinear, "bilinear"},
     {PositionResampling::kBilinearCorners, "bilinear-corners"}}};

/// For the help of commands.
inline constexpr const char* kPositionResamplingNames =
    "bicubic-antialias (timm), bicubic (Hugging Face), bicubic-corners (torchvision), bilinear, "
    "bilinear-corners (Google) [that of the weights' source]";

}  // namespace vitrine
