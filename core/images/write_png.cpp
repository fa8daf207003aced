#include <fmt/format.h>
#include <stb/stb_image_write.h>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/images/image.hpp"

namespace vitrine {
namespace {

void append_bytes(void* context, void* data, int size) {
  auto* file = static_cast<std::vector<std::byte>*>(context);
  const auto* from = static_cast<const std::byte*>(data);
  file->insert(file->end(), from, from + size);
}

}  // namespace

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
