#pragma once

#include "core/images/image.hpp"
#include "core/random.hpp"

namespace vitrine {

/// How much the colours of a picture may change, as plain data; the default does nothing.
struct ColorJitter {
  double brightness = 0, contrast = 0, saturation = 0;  ///< factors of max(0, 1 - v) to 1 + v
  double hue = 0;                                       ///< turned by up to this part, at most 0.5

  bool active() const { return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0; }
  bool operator==(const ColorJitter&) const = default;
};

/// Changes brightness, contrast, saturation and hue in a random order, each by a uniform factor; a
/// function of the arguments alone.
/// Source: torchvision's ColorJitter on Pillow images.
void color_jitter(Image& image, const ColorJitter& options, Random& random);

}  // namespace vitrine
