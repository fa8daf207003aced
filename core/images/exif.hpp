#pragma once

#include <cstddef>
#include <span>

#include "core/images/image.hpp"

namespace vitrine {

/// The orientation of a picture that is stored as it is to be seen.
inline constexpr int kUpright = 1;

/// The orientation that a camera or an editor noted in a JPEG or PNG: 1 to 8, 1 = upright. That of
/// EXIF counts, wherever it is (core/images/picture_metadata.hpp); where it has none, that of XMP.
/// 1 too if there is none, or it cannot be understood: it is a hint, never an error.
/// Source: CIPA DC-008 (Exif 2.32), 4.6.4 A, tag 274; Adobe's XMP specification, part 2,
/// tiff:Orientation.
int exif_orientation(std::span<const std::byte> bytes);

/// The image turned and mirrored so that it is upright; 5 to 8 exchange width and height.
/// Throws UsageError if the orientation is not in 1..8.
Image apply_orientation(const Image& image, int orientation);

}  // namespace vitrine
