#pragma once

#include <cstdint>

#include "core/images/image.hpp"

namespace vitrine {

/// A picture scaled, as RGB, so that its longer side is at most `side` pixels. One that is at most
/// half as large is enlarged by a whole factor, so that its pixels stay squares; the scaled sides
/// are then multiples of its own. All others are resampled to exactly `side`.
/// Throws ShapeError if the picture has no pixels.
Image fit_picture(const Image& picture, int64_t side);

}  // namespace vitrine
