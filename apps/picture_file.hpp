#pragma once

#include <string>

#include "core/image.hpp"

namespace vitrine {

/// A PNG or JPEG file with 1 or 3 channels; turned upright by its EXIF orientation if `upright`.
/// Throws IoError and FormatError.
Image read_picture(const std::string& path, int channels, bool upright = true);

}  // namespace vitrine
