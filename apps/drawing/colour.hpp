#pragma once

#include <cstdint>

namespace vitrine {

/// An sRGB colour.
struct Colour {
  uint8_t r = 0;
  uint8_t g = 0;
  uint8_t b = 0;

  bool operator==(const Colour&) const = default;
};

/// The colours that all pictures share: dark grey ink on white, light lines behind it.
inline constexpr Colour kWhite = {255, 255, 255};
inline constexpr Colour kInk = {34, 38, 44};
inline constexpr Colour kFaintInk = {104, 110, 120};
inline constexpr Colour kGridLine = {228, 230, 234};
inline constexpr Colour kFrameLine = {150, 155, 163};
inline constexpr Colour kRightAnswer = {22, 128, 62};
inline constexpr Colour kWrongAnswer = {196, 36, 36};

}  // namespace vitrine
