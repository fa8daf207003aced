#pragma once

#include <cstddef>
#include <span>

namespace vitrine {

/// Whether a file begins like a JPEG.
inline bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0xff} && bytes[1] == std::byte{0xd8};
}

}  // namespace vitrine
