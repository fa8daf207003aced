#pragma once

#include "core/images/image.hpp"

namespace vitrine {

/// Operations that give each level of a channel another one, whatever lies around; in place, on
/// 8-bit pictures of 1 or 3 channels. Bit-equal to Pillow 13's ImageOps, and to timm's
/// solarize_add.

/// The levels that occur, channel by channel, spread over 0..255.
void auto_contrast(Image& image);

/// Levels that occur about equally often, channel by channel.
void equalize(Image& image);

/// 255 - v.
void invert(Image& image);

/// Keeps the upper `bits` bits: all of them from 8 on, none below 1.
void posterize(Image& image, int bits);

/// 255 - v from `threshold` on.
void solarize(Image& image, int threshold);

/// min(v + amount, 255) below `threshold`; amount >= 0.
void solarize_add(Image& image, int amount, int threshold = 128);

}  // namespace vitrine
