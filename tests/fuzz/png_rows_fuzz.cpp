// PNG files whose structure and compression are sound, so that filters, interlacing, palettes and
// transparency of the decoder see any bytes. Input: 13 bytes of IHDR, a byte each for the entries
// of PLTE and the bytes of tRNS, those bytes, and the uncompressed rows.

#include <zlib.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/images/image.hpp"

namespace {

using Bytes = std::vector<uint8_t>;

void append_be32(Bytes& bytes, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) {
    bytes.push_back(static_cast<uint8_t>((value >> shift) & 0xff));
  }
}

void append_chunk(Bytes& png, std::string_view type, const Bytes& payload) {
  append_be32(png, static_cast<uint32_t>(payload.size()));
  const size_t start = png.size();
  png.insert(png.end(), type.begin(), type.end());
  png.insert(png.end(), payload.begin(), payload.end());
  append_be32(png, static_cast<uint32_t>(crc32_z(0, &png[start], 4 + payload.size())));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> rest(data, size);
  const auto take = [&](size_t count) {
    const auto part = rest.first(std::min(count, rest.size()));
    rest = rest.subspan(part.size());
    return Bytes(part.begin(), part.end());
  };
  const Bytes header = take(13);
  const Bytes sizes = take(2);
  if (sizes.size() < 2) return 0;
  const Bytes palette = take(3 * size_t{sizes[0]});
  const Bytes transparency = take(sizes[1]);

  Bytes packed(compressBound(rest.size()));
  uLongf packed_size = packed.size();
  if (compress2(packed.data(), &packed_size, rest.data(), rest.size(), 1) != Z_OK) return 0;
  packed.resize(packed_size);

  const std::string_view signature = "\x89PNG\r\n\x1a\n";
  Bytes png(signature.begin(), signature.end());
  append_chunk(png, "IHDR", header);
  if (!palette.empty()) append_chunk(png, "PLTE", palette);
  if (!transparency.empty()) append_chunk(png, "tRNS", transparency);
  append_chunk(png, "IDAT", packed);
  append_chunk(png, "IEND", {});
  try {
    vitrine::decode_image(std::as_bytes(std::span(png)), 3, "fuzz", vitrine::Exif::kAsStored);
  } catch (const vitrine::Error&) {  // as it should be
  }
  return 0;
}
