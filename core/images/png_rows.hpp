#pragma once

#include <string_view>

#include "core/images/image.hpp"
#include "core/images/png_check.hpp"

namespace vitrine {

/// The pixels of a PNG that check_png has found sound: 1 channel for grey images, 3 for all others.
/// Alpha is dropped, 16-bit samples keep their upper byte, grey of 1, 2 or 4 bits is scaled to
/// 0..255, palette entries that the file does not have are black. Memory: the pixels, and two rows.
///   path   for messages
/// Throws FormatError(kCorrupt) for a filter that does not exist.
/// Source: PNG specification, second edition, sections 7 to 9 and 13.
Image png_pixels(const PngFacts& facts, std::string_view path);

}  // namespace vitrine
