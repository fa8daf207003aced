#pragma once

#include "core/images/image.hpp"

namespace vitrine {

/// Blurs an 8-bit picture of 1 or 3 channels in place, nearly as a Gaussian of this standard
/// deviation would: three moving averages along each axis, the border repeated. Bit-equal to Pillow
/// 13's ImageFilter.GaussianBlur.
///   radius   pixels, 0 to 1000; UsageError beyond
/// Source: Gwosdek et al. 2011, "Theoretical foundations of Gaussian convolution by extended box
/// filtering".
void gaussian_blur(Image& image, double radius);

}  // namespace vitrine
