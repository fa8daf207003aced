#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/images/image.hpp"

namespace vitrine {

/// Decodes a JPEG to 1 channel if it is grey, else to 3, with libjpeg-turbo: the accurate inverse
/// transform and smooth upsampling of colours, which Pillow and OpenCV take too. Four components
/// become RGB as Pillow does it: ink is stored inverted, as Adobe's programs write it.
///   - Damage inside is concealed as libjpeg does and every viewer shows it: junk between segments,
///     in front of restart markers and behind the samples, lost intervals, wrong codes. Tables that
///     frames of a webcam leave out are the standard's.
///   - A file that ends before all samples are there is refused; the end marker itself may lack.
///   path   for messages
/// Guards: size limits (core/images/image.hpp), a bit at least for every block of 64 samples, so
/// that a small file cannot make the decoder allocate much, and a limit for blocks in all scans,
/// each of which costs time. Throws FormatError: kBadMagic, kTruncated, kBadHeader, kCorrupt,
/// kBadShape (no pixels), kTooLarge, kDuplicate (second frame), kUnsupported (12 bits, lossless,
/// hierarchical, 2 or 5 components); std::bad_alloc. Source: ITU-T T.81 (1992); libjpeg-turbo's
/// libjpeg.txt.
Image decode_jpeg(std::span<const std::byte> bytes, std::string_view path);

}  // namespace vitrine
