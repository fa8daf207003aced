#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vitrine {

/// What check_png found.
struct PngFacts {
  int64_t width = 0;
  int64_t height = 0;
  int bit_depth = 0;        ///< 1, 2, 4, 8, 16
  int colour_type = 0;      ///< 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGB + alpha
  bool interlaced = false;  ///< Adam7
  size_t palette_at = 0;    ///< where the PLTE chunk starts, 0 if there is none
  int palette_entries = 0;  ///< 0 to 256
};

bool is_png(std::span<const std::byte> bytes);

/// Checks all that a decoder relies on: signature, chunk lengths, checksums of the critical chunks,
/// header fields, size limits (core/image.hpp), the palette, and that the compressed data is sound
/// and unpacks to all rows. Unpacks through a fixed buffer, so that a bomb costs no memory.
///   path   for messages
/// Throws FormatError: kBadMagic, kTruncated, kBadHeader, kBadShape (no pixels), kTooLarge,
/// kCorrupt, kDuplicate, kUnsupported (unknown critical chunk).
/// Source: PNG specification, second edition, W3C 2003, ISO/IEC 15948.
PngFacts check_png(std::span<const std::byte> bytes, std::string_view path);

}  // namespace vitrine
