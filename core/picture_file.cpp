#include "core/picture_file.hpp"

#include "core/exif.hpp"
#include "core/file.hpp"

namespace vitrine {

Image decode_picture(std::span<const std::byte> bytes, int channels, std::string_view path,
                     bool upright) {
  Image image = decode_image(bytes, channels, path);
  if (!upright) return image;
  return apply_orientation(image, exif_orientation(bytes));
}

Image read_picture(const std::string& path, int channels, bool upright) {
  constexpr int64_t kLimit = int64_t{1} << 30;  // as read_image
  return decode_picture(read_file(path, kLimit), channels, path, upright);
}

}  // namespace vitrine
