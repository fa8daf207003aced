#pragma once

#include <string_view>
#include <vector>

#include "apps/drawing/canvas.hpp"

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
  std::vector<Polyline> fine;  ///< of a thinner pen: a stand-in
};

/// Whether the font has the character: printable ASCII; the letters of Latin (Latin-1, Extended-A,
/// Vietnamese, Romanian), modern Greek and Cyrillic (those of Slavic languages, Kazakh, Tatar and
/// Tajik); punctuation, currencies and the signs of Latin-1; the spaces of all widths.
bool has_glyph(char32_t code);

/// A character with combining marks over or under it, the first nearest to it. What the font does
/// not have is a box with its hexadecimal code, as U+732B or U+1F600, so that two such names can be
/// told apart; U+FFFD is an empty box. Marks that the font does not have are left out.
Glyph glyph(char32_t code, std::u32string_view marks = {});

/// A combining mark that the font has (U+0300 to U+036F), for text in decomposed form.
bool is_mark(char32_t code);

/// Takes no room and draws nothing: joiners, soft hyphens, direction and variation marks.
bool is_invisible(char32_t code);

}  // namespace vitrine
