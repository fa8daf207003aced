#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/canvas.hpp"

namespace vitrine {

/// Heights of the font in its own units, above the base line.
inline constexpr double kFontCapHeight = 14;
inline constexpr double kFontXHeight = 10;
inline constexpr double kFontDescent = 4.5;  ///< of g and p, below the base line

/// One character as lines of a pen, in font units: y up from the base line.
struct Glyph {
  double begin = 0;  ///< where the character's own space begins
  double end = 0;    ///< and ends; the space to its neighbours is the text's business
  std::vector<Polyline> lines;
};

/// The glyph of a Unicode code point: printable ASCII and the few signs that the pictures need
/// (multiplication sign, minus, dashes, ellipsis, arrow, middle dot, degree, plus-minus). An empty
/// box stands for everything else.
const Glyph& glyph(char32_t code);

}  // namespace vitrine
