#include "apps/picture_file.hpp"

#include "core/exif.hpp"
#include "core/file.hpp"

namespace vitrine {

Image read_picture(const std::string& path, int channels, bool upright) {
  constexpr int64_t kLimit = int64_t{1} << 30;  // as read_image
  const std::vector<std::byte> bytes = read_file(path, kLimit);
  const Image image = decode_image(bytes, channels, path);
  return upright ? apply_orientation(image, exif_orientation(bytes)) : image;
}

}  // namespace vitrine
