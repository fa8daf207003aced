#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/images/image.hpp"

namespace vitrine {

/// decode_image; turned upright by its EXIF orientation if `upright`. Everything that looks at
/// pictures comes this way, so that a file is the same picture in training and everywhere else.
Image decode_picture(std::span<const std::byte> bytes, int channels, std::string_view path,
                     bool upright);

/// decode_picture of a PNG or JPEG file of at most kMaxImageFileBytes, with 1 or 3 channels. What
/// does not begin like one is not read any further. Throws IoError and FormatError.
Image read_picture(const std::string& path, int channels, bool upright);

/// The same of standard input.
Image read_picture_from_standard_input(int channels, bool upright);

}  // namespace vitrine
