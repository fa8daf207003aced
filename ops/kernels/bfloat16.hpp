#pragma once

#include <bit>
#include <cstdint>

namespace vitrine {

/// The nearest number of bf16, the upper 16 bits of a float; ties to even; a NaN stays one.
[[gnu::always_inline]] inline uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  const bool no_number = (bits & 0x7FFFFFFF) > 0x7F800000;
  return static_cast<uint16_t>(no_number ? bits >> 16 | 0x40 : rounded);
}

[[gnu::always_inline]] inline float from_bfloat16(uint16_t value) {
  return std::bit_cast<float>(uint32_t{value} << 16);
}

}  // namespace vitrine
