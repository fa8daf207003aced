#pragma once

#include "core/images/image.hpp"

namespace vitrine {

/// Adjustments of an 8-bit picture of 1 or 3 channels, in place: the picture is blended with what
/// it would be without colour, contrast, ..., which is `factor` 0; 1 leaves it as it is, more
/// exaggerates. Bit-equal to Pillow 13's ImageEnhance (blends in float32, truncated).

/// Without colour it is grey (core/images/luma.hpp).
void adjust_color(Image& image, double factor);
/// Without contrast it has one level, the mean of its grey, rounded.
void adjust_contrast(Image& image, double factor);
/// Without brightness it is black.
void adjust_brightness(Image& image, double factor);
/// Without sharpness every pixel within the border is (5 v + its 8 neighbours) / 13.
void adjust_sharpness(Image& image, double factor);

/// Turns the hue by `factor` of the whole circle, truncated to 1/255; |factor| <= 0.5. Grey stays
/// as it is. Bit-equal to torchvision's adjust_hue on a Pillow image, whose HSV has 8 bits a part,
/// so that colours move a little even where factor is 0.
void adjust_hue(Image& image, double factor);

}  // namespace vitrine
