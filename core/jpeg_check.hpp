#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vitrine {

/// What check_jpeg found.
struct JpegFacts {
  int64_t width = 0;
  int64_t height = 0;
  int components = 0;  ///< 1 grey, 3 YCbCr or RGB, 4 CMYK or YCCK
  bool progressive = false;
  int scans = 0;
};

bool is_jpeg(std::span<const std::byte> bytes);

/// Walks the markers up to the end of the image and checks all that a decoder relies on: segment
/// lengths, one frame, size limits (core/image.hpp), sampling factors, tables that exist before a
/// scan uses them, code counts of Huffman tables, scan parameters, a scan for every component, and
/// the end marker. The compressed samples themselves are not decoded.
/// An image that could not fit in the file's bytes (less than a bit per block of 64 samples) is
/// kTruncated, so that a small file cannot make a decoder allocate much; more scans than any
/// encoder writes are kTooLarge, since each costs time for all blocks.
///   path   for messages
/// Throws FormatError: kBadMagic, kTruncated, kBadHeader, kBadShape (no pixels), kTooLarge,
/// kDuplicate (second frame), kUnsupported (12 bits, arithmetic, lossless, hierarchical,
/// fractional sampling, CMYK without Adobe's marker).
/// Source: ITU-T T.81 (1992), annex B.
JpegFacts check_jpeg(std::span<const std::byte> bytes, std::string_view path);

}  // namespace vitrine
