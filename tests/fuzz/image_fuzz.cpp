// Any bytes as an image: decoded, or refused with an Error. The checksums of PNG chunks are put
// right first, since no mutation would get past them.

#include <zlib.h>

#include <vector>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/images/exif.hpp"
#include "core/images/image.hpp"
#include "core/images/png_check.hpp"
#include "tests/fuzz/mutate.hpp"

namespace {

void repair_checksums(std::vector<std::byte>& png) {
  for (size_t at = 8; png.size() - at >= 12;) {
    const size_t length = vitrine::load_be32(&png[at]);
    if (length > png.size() - at - 12) return;
    const auto* checked = reinterpret_cast<const Bytef*>(&png[at + 4]);
    const auto checksum = static_cast<uint32_t>(crc32_z(0, checked, 4 + length));
    for (size_t i = 0; i < 4; ++i) {
      png[at + 8 + length + i] = static_cast<std::byte>((checksum >> (24 - 8 * i)) & 0xff);
    }
    at += 12 + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  std::vector<std::byte> bytes(input.begin(), input.end());
  if (vitrine::is_png(bytes)) repair_checksums(bytes);
  const int orientation = vitrine::exif_orientation(bytes);
  for (const int channels : {3, 1}) {
    try {
      vitrine::apply_orientation(
          vitrine::decode_image(bytes, channels, "fuzz", vitrine::Exif::kAsStored), orientation);
    } catch (const vitrine::Error&) {  // as it should be
    }
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return vitrine::fuzz::mutate_picture(data, size, max_size, seed);
}
