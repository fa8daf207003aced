#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vitrine {

inline constexpr uint64_t kHashStart = 0xcbf29ce484222325;

/// FNV-1a, 64 bits: tells apart what differs by accident, not by intent. `hash` is what came
/// before.
/// Source: Fowler, Noll, Vo; RFC 9923.
inline uint64_t fnv1a(std::span<const std::byte> bytes, uint64_t hash = kHashStart) {
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<uint64_t>(b)) * 0x100000001b3;
  return hash;
}

}  // namespace vitrine
