#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/images/image.hpp"
#include "ops/images/resize.hpp"

namespace vitrine {

/// How an operation is applied.
struct OperationSetting {
  double level = 0;                              ///< how much, on a scale of 10
  bool negated = false;                          ///< to the other side, if it has two
  ResizeFilter filter = ResizeFilter::kBicubic;  ///< of geometry: kBilinear or kBicubic
  std::span<const uint8_t> fill;                 ///< (channels), what comes from outside
};

/// An operation of RandAugment under timm's name: "AutoContrast", "Equalize", "Invert", "Rotate",
/// "Posterize", "Solarize", "SolarizeAdd", "Color", "Contrast", "Brightness", "Sharpness",
/// "ShearX", "ShearY", "TranslateXRel", "TranslateYRel", "Desaturate", "GaussianBlur". Those of
/// "Posterize", "Solarize", "Color", "Contrast", "Brightness" and "Sharpness" with "Increasing"
/// behind are the ones whose effect grows with the level. What a level means is timm's
/// auto_augment.py; what is done to pixels is Pillow's.
struct PictureOperation {
  std::string_view name;
  void (*apply)(Image& image, const OperationSetting& setting);
};

/// Throws UsageError for another name.
const PictureOperation& picture_operation(std::string_view name);

}  // namespace vitrine
