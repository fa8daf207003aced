#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace vitrine {

/// A file that people have among their pictures and that is not read here.
struct ForeignPicture {
  std::string_view name;    ///< "WebP"
  std::string_view advice;  ///< "convert it to PNG or JPEG, ..."
};

/// What a file that is neither PNG nor JPEG is, by its first bytes: WebP, GIF, BMP, TIFF, HEIC,
/// AVIF, JPEG XL, JPEG 2000, SVG, PDF, PSD, ICO, Netpbm, a page of HTML, a pointer of Git LFS.
/// Nothing for all else.
std::optional<ForeignPicture> foreign_picture(std::span<const std::byte> bytes);

}  // namespace vitrine
