#pragma once

#include <span>

#include "ops/images/image_view.hpp"
#include "ops/images/resize.hpp"

namespace vitrine {

/// Where a pixel of the result comes from: its centre (x, y) from (a x + b y + c, d x + e y + f).
struct AffineMap {
  double a = 1, b = 0, c = 0;
  double d = 0, e = 1, f = 0;
};

/// The picture seen through `map`, of the same size. What comes from outside has the colour `fill`,
/// (channels); where only neighbours lie outside, the border is repeated.
/// Bit-equal to Pillow 13's Image.transform(AFFINE): in double, bilinear truncated, bicubic with
/// a = -1 clipped and truncated.
///   filter   kBilinear or kBicubic; UsageError for others
Image affine(const ImageView& image, const AffineMap& map, ResizeFilter filter,
             std::span<const uint8_t> fill);

/// The picture turned counter-clockwise about its centre, of the same size, as Image.rotate has it.
Image rotate(const ImageView& image, double degrees, ResizeFilter filter,
             std::span<const uint8_t> fill);

}  // namespace vitrine
