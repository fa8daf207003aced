#include "core/exif.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "core/jpeg_check.hpp"
#include "core/png_check.hpp"

namespace vitrine {
namespace {

constexpr uint16_t kOrientationTag = 274;
constexpr uint16_t kShortType = 3;
constexpr size_t kEntryBytes = 12;  // tag, type, count, value

using Bytes = std::span<const std::byte>;

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The payload of the first APP1 segment that holds EXIF.
Bytes find_in_jpeg(Bytes bytes) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  size_t at = 2;
  while (at + 4 <= bytes.size() && bytes[at] == std::byte{0xff}) {
    const auto marker = static_cast<uint8_t>(bytes[at + 1]);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) break;  // the picture starts: no EXIF follows
    const size_t length = load_be16(&bytes[at + 2]);
    if (length < 2 || length > bytes.size() - at - 2) break;
    const Bytes payload = bytes.subspan(at + 4, length - 2);
    if (marker == 0xe1 && as_text(payload).starts_with(kExif)) return payload.subspan(kExif.size());
    at += 2 + length;
  }
  return {};
}

// The payload of the eXIf chunk.
Bytes find_in_png(Bytes bytes) {
  size_t at = 8;
  while (bytes.size() - at >= 12) {
    const size_t length = load_be32(&bytes[at]);
    if (length > bytes.size() - at - 12) break;
    if (as_text(bytes.subspan(at + 4, 4)) == "eXIf") return bytes.subspan(at + 8, length);
    at += 12 + length;
  }
  return {};
}

// Reads the tag from the first directory of a TIFF block, of either byte order.
std::optional<int> orientation_of_tiff(Bytes tiff) {
  if (tiff.size() < 8) return std::nullopt;
  const bool big = as_text(tiff).starts_with(std::string_view("MM\0\x2a", 4));
  if (!big && !as_text(tiff).starts_with(std::string_view("II\x2a\0", 4))) return std::nullopt;
  const auto load16 = [&](size_t at) { return big ? load_be16(&tiff[at]) : load_le16(&tiff[at]); };
  const auto load32 = [&](size_t at) { return big ? load_be32(&tiff[at]) : load_le32(&tiff[at]); };
  const size_t directory = load32(4);
  if (directory > tiff.size() - 2) return std::nullopt;
  const size_t entries = load16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + i * kEntryBytes;
    if (at + kEntryBytes > tiff.size()) break;
    if (load16(at) != kOrientationTag) continue;
    const int value = load16(at + 8);
    if (load16(at + 2) != kShortType || value < 1 || value > 8) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

}  // namespace

int exif_orientation(std::span<const std::byte> bytes) {
  Bytes tiff;
  if (is_jpeg(bytes)) tiff = find_in_jpeg(bytes);
  if (is_png(bytes)) tiff = find_in_png(bytes);
  return orientation_of_tiff(tiff).value_or(1);
}

Image apply_orientation(const Image& image, int orientation) {
  if (orientation < 1 || orientation > 8) {
    throw UsageError(
        fmt::format("[apply_orientation] orientation must be 1 to 8, got {}", orientation));
  }
  // Where row 0 and column 0 of the stored image lie when it is upright (the standard's table):
  // 1 top left, 2 top right, 3 bottom right, 4 bottom left, then the same with axes exchanged.
  const bool exchange = orientation >= 5;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;

  Image upright = image;
  if (exchange) std::swap(upright.width, upright.height);
  const int64_t channels = image.channels;
  for (int64_t y = 0; y < upright.height; ++y) {
    for (int64_t x = 0; x < upright.width; ++x) {
      const int64_t column = from_right ? upright.width - 1 - x : x;
      const int64_t row = from_bottom ? upright.height - 1 - y : y;
      const int64_t stored = exchange ? column * image.width + row : row * image.width + column;
      const int64_t out = y * upright.width + x;
      std::copy_n(image.pixels.begin() + stored * channels, channels,
                  upright.pixels.begin() + out * channels);
    }
  }
  return upright;
}

}  // namespace vitrine
