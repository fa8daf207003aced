#include "core/images/image.hpp"

#include <fmt/format.h>
#include <stb/stb_image_write.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/images/exif.hpp"
#include "core/images/foreign_picture.hpp"
#include "core/images/jpeg.hpp"
#include "core/images/luma.hpp"
#include "core/images/png_check.hpp"
#include "core/images/png_rows.hpp"

namespace vitrine {
namespace {

using Bytes = std::span<const std::byte>;

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

Image decode_png(Bytes bytes, std::string_view path) {
  const PngFacts png = check_png(bytes, path);
  check_pixel_bytes(png.width, png.height, png.is_grey() ? 1 : 3, bytes.size(), path);
  return png_pixels(png, path);
}

void append_bytes(void* context, void* data, int size) {
  auto* file = static_cast<std::vector<std::byte>*>(context);
  const auto* from = static_cast<const std::byte*>(data);
  file->insert(file->end(), from, from + size);
}

}  // namespace

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
  Image image = is_jpeg(bytes) ? decode_jpeg(bytes, path) : decode_png(bytes, path);
  if (image.channels != channels) image = channels == 1 ? to_grey(image) : to_rgb(image);
  const int orientation = exif == Exif::kUpright ? exif_orientation(bytes) : kUpright;
  return orientation == kUpright ? image : apply_orientation(image, orientation);
}

Image read_image(const std::string& path, int channels, Exif exif) {
  const auto look = [&](Bytes start) { check_picture_start(start, path); };
  return decode_image(read_file(path, kMaxImageFileBytes, look), channels, path, exif);
}

Image read_image_from_standard_input(int channels, Exif exif) {
  constexpr std::string_view kName = "standard input";
  const auto look = [&](Bytes start) { check_picture_start(start, kName); };
  return decode_image(read_standard_input(kMaxImageFileBytes, look), channels, kName, exif);
}

void write_png(const std::string& path, const Image& image) {
  const bool fits =
      (image.channels == 1 || image.channels == 3) && image.width >= 1 && image.height >= 1 &&
      is_image_size(image.width, image.height) &&
      static_cast<int64_t>(image.pixels.size()) == image.width * image.height * image.channels;
  if (!fits) {
    throw ShapeError(fmt::format("[write_png] cannot write {} x {} x {} pixels from {} bytes",
                                 image.width, image.height, image.channels, image.pixels.size()));
  }
  std::vector<std::byte> file;
  const int stride = static_cast<int>(image.width) * image.channels;
  const int written = stbi_write_png_to_func(append_bytes, &file, static_cast<int>(image.width),
                                             static_cast<int>(image.height), image.channels,
                                             image.pixels.data(), stride);
  if (written == 0) throw IoError(path, "cannot write: out of memory");
  write_file_atomically(path, file);
}

}  // namespace vitrine
