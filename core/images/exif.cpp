#include "core/images/exif.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/images/picture_metadata.hpp"

namespace vitrine {
namespace {

constexpr uint16_t kOrientationTag = 274;
constexpr size_t kEntryBytes = 12;  // tag, type, count, value
constexpr size_t kValueBytes = 4;   // longer values lie elsewhere, and the entry says where

// Bytes of a value, per type of TIFF; 0 for a type that does not exist.
constexpr std::array<size_t, 14> kTypeBytes = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};

bool is_whole_number(uint16_t type) {
  constexpr uint16_t kShort = 3, kLong = 4, kSignedShort = 8, kSignedLong = 9;
  return type == kShort || type == kLong || type == kSignedShort || type == kSignedLong;
}

// Reads the tag from the first directory of a TIFF block, of either byte order. Some writers turn
// the version round too. A value that means nothing is 1, a tag that is not there nothing.
std::optional<int> orientation_of_tiff(std::string_view text) {
  if (text.size() < 8) return std::nullopt;
  const bool big = text.starts_with("MM");
  if (!big && !text.starts_with("II")) return std::nullopt;
  const std::string_view version = text.substr(2, 2);
  if (version != std::string_view("\0\x2a", 2) && version != std::string_view("\x2a\0", 2)) {
    return std::nullopt;
  }
  const auto tiff = std::as_bytes(std::span(text));
  const auto load16 = [&](size_t at) { return big ? load_be16(&tiff[at]) : load_le16(&tiff[at]); };
  const auto load32 = [&](size_t at) { return big ? load_be32(&tiff[at]) : load_le32(&tiff[at]); };
  const size_t directory = load32(4);
  if (directory > tiff.size() - 2) return std::nullopt;
  const size_t entries = load16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (entry + kEntryBytes > tiff.size()) break;
    if (load16(entry) != kOrientationTag) continue;
    const uint16_t type = load16(entry + 2);
    const size_t each = type < kTypeBytes.size() ? kTypeBytes[type] : 0;
    const size_t size = each * load32(entry + 4);
    if (size == 0) continue;
    const size_t at = size <= kValueBytes ? entry + 8 : load32(entry + 8);
    if (at > tiff.size() || size > tiff.size() - at) continue;
    if (!is_whole_number(type)) return kUpright;
    const uint32_t value = each == 2 ? load16(at) : load32(at);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return std::nullopt;
}

// tiff:Orientation="6", or <tiff:Orientation>6</tiff:Orientation>.
std::optional<int> orientation_of_xmp(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  constexpr std::string_view kSpace = " \t\r\n";
  for (size_t at = xmp.find(kName); at != std::string_view::npos; at = xmp.find(kName, at)) {
    at += kName.size();
    std::string_view rest = xmp.substr(at);
    const auto skip_space = [&] {
      rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size()));
    };
    const auto take = [&](std::string_view any) {
      if (rest.empty() || any.find(rest.front()) == std::string_view::npos) return false;
      rest.remove_prefix(1);
      return true;
    };
    skip_space();
    const bool attribute = take("=");
    if (attribute) skip_space();
    if (!take(attribute ? "\"'" : ">")) continue;
    skip_space();
    if (!rest.empty() && rest.front() >= '1' && rest.front() <= '8') return rest.front() - '0';
  }
  return std::nullopt;
}

}  // namespace

int exif_orientation(std::span<const std::byte> bytes) {
  const PictureMetadata metadata = picture_metadata(bytes);
  if (const auto value = orientation_of_tiff(metadata.exif)) return *value;
  return orientation_of_xmp(metadata.xmp).value_or(kUpright);
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
