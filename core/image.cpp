#include "core/image.hpp"

#include <fmt/format.h>
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/foreign_picture.hpp"
#include "core/jpeg.hpp"
#include "core/png_check.hpp"

namespace vitrine {
namespace {

// stb_image counts bytes in int.
static_assert(kMaxImageFileBytes <= std::numeric_limits<int>::max());

using Bytes = std::span<const std::byte>;

// What the checks know before the pixels are unpacked.
struct Facts {
  int64_t width = 0;
  int64_t height = 0;
  bool grey = false;
};

struct FreePixels {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

// What of a PNG decides the pixels, in a file of its own: stb_image refuses pictures for chunks
// that do not matter, such as a superfluous tRNS, wants an IEND, and leaves palette entries that
// the file does not have undefined: here they are black.
std::vector<std::byte> plain_png(Bytes bytes, const PngFacts& facts) {
  constexpr size_t kFrontBytes = 33;  // signature, IHDR
  constexpr size_t kPaletteBytes = 3 * 256;
  constexpr size_t kLookahead = 8;  // that stb_image wants to see behind the last code
  const std::vector<std::byte> zeros(kPaletteBytes);
  std::vector<std::byte> file(bytes.begin(), bytes.begin() + kFrontBytes);
  const auto append = [&](Bytes part) { file.insert(file.end(), part.begin(), part.end()); };
  const auto begin = [&](size_t length, std::string_view type) {
    for (const size_t shift : {24u, 16u, 8u, 0u}) {
      file.push_back(static_cast<std::byte>((length >> shift) & 0xff));
    }
    append(std::as_bytes(std::span(type)));
  };
  const auto end = [&] { append(Bytes(zeros).first(4)); };  // the checksum, which nobody reads
  if (facts.colour_type == 3) {
    begin(kPaletteBytes, "PLTE");
    append(facts.palette);
    append(Bytes(zeros).subspan(facts.palette.size()));
    end();
  }
  size_t length = kLookahead;
  for (const Bytes part : facts.data) length += part.size();
  file.reserve(file.size() + length + 64);
  begin(length, "IDAT");
  for (const Bytes part : facts.data) append(part);
  append(Bytes(zeros).first(kLookahead));
  end();
  begin(0, "IEND");
  end();
  return file;
}

// Unpacks to 1 channel for grey images, to 3 for all others.
Image unpack(Bytes bytes, const Facts& facts, std::string_view path) {
  int width = 0;
  int height = 0;
  int stored = 0;
  const int channels = facts.grey ? 1 : 3;
  const std::unique_ptr<stbi_uc, FreePixels> pixels(
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()),
                            static_cast<int>(bytes.size()), &width, &height, &stored, channels));
  if (pixels == nullptr) {
    const char* reason = stbi_failure_reason();
    throw FormatError(FormatKind::kCorrupt, path, -1,
                      fmt::format("the pixels cannot be decoded: {}",
                                  reason != nullptr ? reason : "unknown reason"));
  }
  if (width != facts.width || height != facts.height) {
    throw FormatError(FormatKind::kCorrupt, path, -1, "contradictory headers");
  }
  const auto size =
      static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels);
  return {width, height, channels, {pixels.get(), pixels.get() + size}};
}

Image to_rgb(const Image& grey) {
  Image rgb = {grey.width, grey.height, 3, std::vector<uint8_t>(3 * grey.pixels.size())};
  for (size_t i = 0; i < grey.pixels.size(); ++i) {
    std::fill_n(rgb.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, grey.pixels[i]);
  }
  return rgb;
}

// ITU-R 601-2 luma in 16-bit fixed point, as in Pillow.
Image to_grey(const Image& rgb) {
  Image grey = {rgb.width, rgb.height, 1, std::vector<uint8_t>(rgb.pixels.size() / 3)};
  for (size_t i = 0; i < grey.pixels.size(); ++i) {
    const uint8_t* p = &rgb.pixels[3 * i];
    grey.pixels[i] =
        static_cast<uint8_t>((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 32768u) >> 16);
  }
  return grey;
}

Image decode_png(Bytes bytes, std::string_view path) {
  const PngFacts png = check_png(bytes, path);
  const Facts facts = {png.width, png.height, png.colour_type == 0 || png.colour_type == 4};
  return unpack(plain_png(bytes, png), facts, path);
}

void append_bytes(void* context, void* data, int size) {
  auto* file = static_cast<std::vector<std::byte>*>(context);
  const auto* from = static_cast<const std::byte*>(data);
  file->insert(file->end(), from, from + size);
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, int channels, std::string_view path) {
  if (channels != 1 && channels != 3) {
    throw ShapeError(fmt::format("[decode_image] channels must be 1 or 3, got {}", channels));
  }
  if (bytes.empty()) throw FormatError(FormatKind::kTruncated, path, 0, "the file is empty");
  if (static_cast<int64_t>(bytes.size()) > kMaxImageFileBytes) {
    throw FormatError(FormatKind::kTooLarge, path, -1,
                      fmt::format("an image file of {} bytes", bytes.size()));
  }
  Image image;
  if (is_jpeg(bytes)) {
    image = decode_jpeg(bytes, path);
  } else if (bytes[0] == std::byte{0x89}) {
    image = decode_png(bytes, path);
  } else {
    constexpr std::string_view kNeither = "neither a PNG nor a JPEG image";
    const auto foreign = foreign_picture(bytes);
    if (!foreign) throw FormatError(FormatKind::kBadMagic, path, 0, kNeither);
    throw FormatError(FormatKind::kUnsupported, path, -1,
                      fmt::format("{} but {}; {}", kNeither, foreign->name, foreign->advice));
  }
  if (image.channels == channels) return image;
  return channels == 1 ? to_grey(image) : to_rgb(image);
}

void write_png(const std::string& path, const Image& image) {
  const bool fits =
      (image.channels == 1 || image.channels == 3) && image.width >= 1 && image.height >= 1 &&
      image.width <= kMaxImageSide && image.height <= kMaxImageSide &&
      image.width * image.height <= kMaxImagePixels &&
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
