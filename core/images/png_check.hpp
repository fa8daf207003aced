#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vitrine {

/// What check_png found; the spans are of the bytes that it was given.
struct PngFacts {
  int64_t width = 0;
  int64_t height = 0;
  int bit_depth = 0;        ///< 1, 2, 4, 8, 16
  int colour_type = 0;      ///< 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGB + alpha
  bool interlaced = false;  ///< Adam7
  bool is_grey() const { return colour_type == 0 || colour_type == 4; }
  std::span<const std::byte> palette;            ///< R, G, B of each entry, up to 256
  std::vector<std::span<const std::byte>> data;  ///< of all IDAT chunks: one zlib stream
};

/// Pixels that are stored together: every dx-th of every dy-th row, from (x0, y0) on.
struct PngPass {
  int64_t x0 = 0, y0 = 0, dx = 1, dy = 1;
  int64_t width = 0, height = 0;  ///< how many, both above 0
};

/// In the order of the file: the whole picture, or up to seven of an interlaced one.
std::vector<PngPass> png_passes(const PngFacts& facts);

/// Samples of a pixel: 1 grey or palette, 2 grey + alpha, 3 RGB, 4 RGB + alpha.
int png_samples(const PngFacts& facts);

/// Bytes of a row of so many pixels, without the byte of its filter.
int64_t png_row_bytes(const PngFacts& facts, int64_t width);

bool is_png(std::span<const std::byte> bytes);

/// Checks all that a decoder relies on: signature, chunk lengths, checksums of the critical chunks,
/// header fields, size limits (core/images/image.hpp), the palette, and that the compressed data is
/// sound and unpacks to all rows. Unpacks through a fixed buffer, so that a bomb costs no memory.
/// Ancillary chunks are not looked at. A file that ends when all rows are there is one, as in
/// libpng: its last checksums and IEND may be missing.
///   path   for messages
/// Throws FormatError: kBadMagic, kTruncated, kBadHeader, kBadShape (no pixels), kTooLarge,
/// kCorrupt, kDuplicate, kUnsupported (unknown critical chunk).
/// Source: PNG specification, second edition, W3C 2003, ISO/IEC 15948.
PngFacts check_png(std::span<const std::byte> bytes, std::string_view path);

}  // namespace vitrine
