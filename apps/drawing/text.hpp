#pragma once

#include <string>
#include <string_view>

#include "apps/drawing/canvas.hpp"

namespace vitrine {

/// Which part of the text is at the given place.
enum class AlignX { kLeft, kCentre, kRight };
enum class AlignY {
  kBase,    ///< the base line
  kTop,     ///< the top of capitals
  kMiddle,  ///< half the height of capitals
};

struct TextStyle {
  double size = 20;  ///< in pixels; capitals are 0.7 of it, a line is 1.5 of it
  Colour colour = kInk;
  bool bold = false;
  AlignX align_x = AlignX::kLeft;
  AlignY align_y = AlignY::kBase;
  double degrees = 0;  ///< turned anticlockwise about its place
};

/// Height of capitals in pixels.
double cap_height(const TextStyle& style);

/// Width of a line of UTF-8 text in pixels, before it is turned. Bytes that are not UTF-8 are empty
/// boxes, each alone; control characters are boxes as all that the font does not have.
double text_width(std::string_view text, const TextStyle& style);

/// Draws one line of UTF-8 text (apps/drawing/font.hpp has the characters) at `place`.
void draw_text(Canvas& canvas, Point place, std::string_view text, const TextStyle& style);

/// `text` itself if it is at most `width` pixels wide, else as much of its beginning as fits with
/// an ellipsis behind it; empty if not even that fits.
std::string fit_text(std::string_view text, double width, const TextStyle& style);

/// The same with the ellipsis in the middle: for names of files, whose ends differ.
std::string fit_middle(std::string_view text, double width, const TextStyle& style);

}  // namespace vitrine
