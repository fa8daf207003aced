#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vitrine {

// Tensor bytes are used as they lie in the file, which every format here stores little-endian.
static_assert(std::endian::native == std::endian::little, "Vitrine needs a little-endian machine");

/// Unsigned integers of a stated byte order, read at any alignment. The caller has checked that the
/// bytes exist.
inline uint16_t load_be16(const std::byte* p) {
  uint16_t value = 0;
  std::memcpy(&value, p, sizeof value);
  return __builtin_bswap16(value);
}

inline uint32_t load_be32(const std::byte* p) {
  uint32_t value = 0;
  std::memcpy(&value, p, sizeof value);
  return __builtin_bswap32(value);
}

inline uint16_t load_le16(const std::byte* p) {
  uint16_t value = 0;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline uint32_t load_le32(const std::byte* p) {
  uint32_t value = 0;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline uint64_t load_le64(const std::byte* p) {
  uint64_t value = 0;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace vitrine
