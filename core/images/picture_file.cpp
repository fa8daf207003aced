#include "core/images/picture_file.hpp"

#include "core/formats/file.hpp"
#include "core/images/exif.hpp"

namespace vitrine {

Image decode_picture(std::span<const std::byte> bytes, int channels, std::string_view path,
                     bool upright) {
  Image image = decode_image(bytes, channels, path);
  const int orientation = upright ? exif_orientation(bytes) : kUpright;
  return orientation == kUpright ? image : apply_orientation(image, orientation);
}

Image read_picture(const std::string& path, int channels, bool upright) {
  const auto look = [&](std::span<const std::byte> start) { check_picture_start(start, path); };
  return decode_picture(read_file(path, kMaxImageFileBytes, look), channels, path, upright);
}

Image read_picture_from_standard_input(int channels, bool upright) {
  constexpr std::string_view kName = "standard input";
  const auto look = [&](std::span<const std::byte> start) { check_picture_start(start, kName); };
  return decode_picture(read_standard_input(kMaxImageFileBytes, look), channels, kName, upright);
}

}  // namespace vitrine
