#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

/// An 8-bit image: row-major, channels interleaved, not premultiplied.
struct Image {
  int64_t width = 0;
  int64_t height = 0;
  int channels = 0;             ///< 1 grey, 3 RGB
  std::vector<uint8_t> pixels;  ///< (height, width, channels)
};

/// Larger images are refused before anything is allocated: the limit where Pillow refuses too.
inline constexpr int64_t kMaxImagePixels = 178'956'970;
inline constexpr int64_t kMaxImageSide = int64_t{1} << 24;
inline constexpr int64_t kMaxImageFileBytes = int64_t{1} << 30;

/// What the pixels of a picture may take in memory beyond what its file has, and how often the
/// file: deflate packs zeros a thousand times, and a few bytes can describe a picture of any size.
inline constexpr int64_t kFreePixelBytes = int64_t{16} << 20;
inline constexpr int64_t kMaxPixelRatio = 1024;

/// Whether an image may have sides of so many pixels, as far as there is a limit.
constexpr bool is_image_size(int64_t width, int64_t height) {
  return width <= kMaxImageSide && height <= kMaxImageSide && width * height <= kMaxImagePixels;
}

/// Throws FormatError(kTooLarge) unless is_image_size.
void check_pixels(int64_t width, int64_t height, std::string_view path);
/// Throws FormatError(kTooLarge) if so many pixels take more memory than a file of `file_size`
/// bytes may (kFreePixelBytes, kMaxPixelRatio).
void check_pixel_bytes(int64_t width, int64_t height, int channels, size_t file_size,
                       std::string_view path);

/// Throws FormatError if a file that begins so is neither PNG nor JPEG, with the name of the format
/// if it is another that people know.
void check_picture_start(std::span<const std::byte> start, std::string_view path);

/// The EXIF question: what becomes of the orientation that a picture's file notes.
enum class Exif {
  kUpright,   ///< the picture is turned by it
  kAsStored,  ///< it is not looked at
};

/// Decodes a PNG or JPEG, told apart by its content, to `channels` = 1 (grey) or 3 (RGB).
///   - Alpha is dropped, palettes are expanded, 16-bit samples keep their upper byte, grey of 1, 2
///     or 4 bits is scaled to 0..255. PNG is exact; JPEG is as libjpeg-turbo has it
///     (core/images/jpeg.hpp).
///   - Grey is made of RGB by its luma (core/images/luma.hpp).
///   - The orientation (core/images/exif.hpp) is a hint: it never makes a picture fail.
///   path   for messages
/// What is damaged beyond reading is refused: the structure of a PNG is checked first
/// (core/images/png_check.hpp). Throws FormatError with the kind that fits; UsageError for other
/// `channels`. Time is linear in the file and the pixels; memory at most 4 times the pixels (10
/// times those of a JPEG with several scans), for which check_pixels has a limit, and the file.
Image decode_image(std::span<const std::byte> bytes, int channels, std::string_view path,
                   Exif exif);

/// decode_image of a file of at most kMaxImageFileBytes. What does not begin like a PNG or JPEG is
/// not read any further. Throws IoError too.
Image read_image(const std::string& path, int channels, Exif exif);

/// decode_image of what standard input has, with the limit of read_image.
Image read_image_from_standard_input(int channels, Exif exif);

/// Writes an 8-bit PNG of 1 or 3 channels atomically (core/formats/file.hpp).
/// Throws ShapeError if the image has no pixels, too many, or not as many as its sides say.
void write_png(const std::string& path, const Image& image);

}  // namespace vitrine
