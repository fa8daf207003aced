#include "core/images/image.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/images/foreign_picture.hpp"
#include "core/images/picture_kind.hpp"

namespace vitrine {

void check_pixels(int64_t width, int64_t height, std::string_view path) {
  if (is_image_size(width, height)) return;
  throw FormatError(FormatKind::kTooLarge, path, -1,
                    fmt::format("the image has {} x {} pixels, at most {} are allowed", width,
                                height, kMaxImagePixels));
}

void check_pixel_bytes(int64_t width, int64_t height, int channels, size_t file_size,
                       std::string_view path) {
  const int64_t most = kFreePixelBytes + kMaxPixelRatio * static_cast<int64_t>(file_size);
  if (width * height * channels <= most) return;
  throw FormatError(FormatKind::kTooLarge, path, -1,
                    fmt::format("the image has {} x {} pixels, at most {} are allowed in a file of "
                                "{} bytes",
                                width, height, most / channels, file_size));
}

void check_picture_start(std::span<const std::byte> start, std::string_view path) {
  constexpr std::string_view kNeither = "neither a PNG nor a JPEG image";
  if (start.empty()) throw FormatError(FormatKind::kTruncated, path, 0, "the file is empty");
  if (is_jpeg(start) || start[0] == std::byte{0x89}) return;
  const auto foreign = foreign_picture(start);
  if (!foreign) throw FormatError(FormatKind::kBadMagic, path, 0, kNeither);
  throw FormatError(FormatKind::kUnsupported, path, -1,
                    fmt::format("{} but {}; {}", kNeither, foreign->name, foreign->advice));
}

Image read_image(const std::string& path, int channels, Exif exif) {
  const auto look = [&](std::span<const std::byte> start) { check_picture_start(start, path); };
  return decode_image(read_file(path, kMaxImageFileBytes, look), channels, path, exif);
}

Image read_image_from_standard_input(int channels, Exif exif) {
  constexpr std::string_view kName = "standard input";
  const auto look = [&](std::span<const std::byte> start) { check_picture_start(start, kName); };
  return decode_image(read_standard_input(kMaxImageFileBytes, look), channels, kName, exif);
}

}  // namespace vitrine
