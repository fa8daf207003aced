#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/images/exif.hpp"
#include "core/images/image.hpp"
#include "core/images/jpeg.hpp"
#include "core/images/luma.hpp"
#include "core/images/picture_kind.hpp"
#include "core/images/png_check.hpp"
#include "core/images/png_rows.hpp"

// The one place that calls decoders. The library for devices that only see raw pixels is built with
// VITRINE_NO_DECODERS, and holds none.

namespace vitrine {
namespace {

#ifdef VITRINE_NO_DECODERS
constexpr bool kDecoders = false;
#else
constexpr bool kDecoders = true;
#endif

Image to_rgb(const Image& grey) {
  Image rgb = {grey.width, grey.height, 3, std::vector<uint8_t>(3 * grey.pixels.size())};
  for (size_t i = 0; i < grey.pixels.size(); ++i) {
    std::fill_n(rgb.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, grey.pixels[i]);
  }
  return rgb;
}

Image to_grey(const Image& rgb) {
  Image grey = {rgb.width, rgb.height, 1, std::vector<uint8_t>(rgb.pixels.size() / 3)};
  for (size_t i = 0; i < grey.pixels.size(); ++i) {
    grey.pixels[i] = luma(&rgb.pixels[3 * i]);
  }
  return grey;
}

Image decode_png(std::span<const std::byte> bytes, std::string_view path) {
  const PngFacts png = check_png(bytes, path);
  check_pixel_bytes(png.width, png.height, png.is_grey() ? 1 : 3, bytes.size(), path);
  return png_pixels(png, path);
}

Image decode(std::span<const std::byte> bytes, int channels, std::string_view path, Exif exif) {
  Image image = is_jpeg(bytes) ? decode_jpeg(bytes, path) : decode_png(bytes, path);
  if (image.channels != channels) image = channels == 1 ? to_grey(image) : to_rgb(image);
  const int orientation = exif == Exif::kUpright ? exif_orientation(bytes) : kUpright;
  return orientation == kUpright ? image : apply_orientation(image, orientation);
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, int channels, std::string_view path,
                   Exif exif) {
  if (channels != 1 && channels != 3) {
    throw UsageError(fmt::format("[decode_image] channels must be 1 or 3, got {}", channels));
  }
  if (static_cast<int64_t>(bytes.size()) > kMaxImageFileBytes) {
    throw FormatError(FormatKind::kTooLarge, path, -1,
                      fmt::format("an image file of {} bytes", bytes.size()));
  }
  check_picture_start(bytes, path);
  if constexpr (kDecoders) return decode(bytes, channels, path, exif);
  throw FormatError(FormatKind::kUnsupported, path, -1,
                    "this library was built without decoders of pictures: give it raw pixels");
}

}  // namespace vitrine
