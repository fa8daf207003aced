#pragma once

#include <array>
#include <cstdint>

namespace vitrine {

/// What red, green and blue weigh in grey, of kLumaWhole together: ITU-R 601-2 luma in 16-bit fixed
/// point, as Pillow has it.
inline constexpr std::array<uint32_t, 3> kLuma = {19595, 38470, 7471};
inline constexpr uint32_t kLumaWhole = 65536;

/// Grey of a pixel of RGB, rounded.
constexpr uint8_t luma(const uint8_t* rgb) {
  return static_cast<uint8_t>(
      (kLuma[0] * rgb[0] + kLuma[1] * rgb[1] + kLuma[2] * rgb[2] + kLumaWhole / 2) / kLumaWhole);
}

}  // namespace vitrine
