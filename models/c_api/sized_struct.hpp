#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace vitrine {

// Structs of the C interface, which may grow at their end: their first member, `size`, tells how
// much of them the caller knows.

/// Whether a caller's struct may have this size, if the first version of it had `first` bytes.
/// Sizes far above are a mistake, not a later version.
inline bool is_struct_size(size_t size, size_t first) {
  constexpr size_t kLargestSize = 4096;
  return size >= first && size <= kLargestSize;
}

/// The struct of `size` bytes as this version knows it: what the caller's leaves out is zero.
template <class T>
T known_part(const std::byte* from, size_t size) {
  T known = {};
  std::memcpy(&known, from, std::min(size, sizeof known));
  return known;
}

/// Whether the struct says something that this version does not know.
template <class T>
bool says_more(const std::byte* from, size_t size) {
  const std::span<const std::byte> all(from, size);
  return std::ranges::any_of(all.subspan(std::min(size, sizeof(T))),
                             [](std::byte b) { return b != std::byte{0}; });
}

}  // namespace vitrine
