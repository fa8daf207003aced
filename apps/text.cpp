#include "apps/text.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "apps/font.hpp"

namespace vitrine {
namespace {

constexpr double kUnitsPerSize = kFontCapHeight / 0.7;
constexpr double kLetterSpace = 4.2;  // font units between the spaces of two neighbours
constexpr double kPenWidth = 1.7;     // font units
constexpr double kBoldPenWidth = 2.5;

double unit(const TextStyle& style) { return style.size / kUnitsPerSize; }

double space(const TextStyle& style) {
  return kLetterSpace + (style.bold ? kBoldPenWidth - kPenWidth : 0.0);
}

// One code point, and moves `text` behind it. What is not UTF-8 gives U+FFFD byte by byte.
char32_t next_code(std::string_view& text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80             ? 1
                        : (first & 0xe0) == 0xc0 ? 2
                        : (first & 0xf0) == 0xe0 ? 3
                        : (first & 0xf8) == 0xf0 ? 4
                                                 : 0;
  char32_t code = length == 1 ? first : static_cast<char32_t>(first & (0xff >> (length + 1)));
  bool good = length >= 1 && length <= text.size();
  for (size_t i = 1; good && i < length; ++i) {
    good = (byte(i) & 0xc0) == 0x80;
    code = (code << 6) | (byte(i) & 0x3f);
  }
  text.remove_prefix(good ? length : 1);
  return good ? code : U'\ufffd';
}

// Pen lines that should be sharp lie in the middle of pixel rows: the heights that letters share
// are moved to whole pixels above the base line, what is between moves along.
double snapped_height(double y, double scale) {
  const double x_height = std::round(kFontXHeight * scale);
  const double capitals = std::round(kFontCapHeight * scale);
  if (y <= 0) return y * scale;
  if (y <= kFontXHeight) return y / kFontXHeight * x_height;
  return x_height + (y - kFontXHeight) / (kFontCapHeight - kFontXHeight) * (capitals - x_height);
}

double height_of_capitals(const TextStyle& style) {
  return snapped_height(kFontCapHeight, unit(style));
}

// Lines of a text that begins at the origin, y down, before it is turned.
std::vector<Polyline> text_lines(std::string_view text, const TextStyle& style) {
  const double scale = unit(style);
  std::vector<Polyline> lines;
  double at = 0;  // font units
  while (!text.empty()) {
    const Glyph& letter = glyph(next_code(text));
    for (const Polyline& drawn : letter.lines) {
      Polyline& line = lines.emplace_back();
      for (const Point& p : drawn) {
        line.push_back({(at + p.x - letter.begin) * scale, -snapped_height(p.y, scale)});
      }
    }
    at += letter.end - letter.begin + space(style);
  }
  return lines;
}

}  // namespace

double cap_height(const TextStyle& style) { return height_of_capitals(style); }

double text_width(std::string_view text, const TextStyle& style) {
  double width = 0;  // font units
  while (!text.empty()) {
    const Glyph& letter = glyph(next_code(text));
    width += letter.end - letter.begin + space(style);
  }
  return std::max(width - space(style), 0.0) * unit(style);
}

void draw_text(Canvas& canvas, Point place, std::string_view text, const TextStyle& style) {
  std::vector<Polyline> lines = text_lines(text, style);
  const double width = text_width(text, style);
  const double left = style.align_x == AlignX::kLeft     ? 0
                      : style.align_x == AlignX::kCentre ? -width / 2
                                                         : -width;
  const double base = style.align_y == AlignY::kBase  ? 0
                      : style.align_y == AlignY::kTop ? height_of_capitals(style)
                                                      : height_of_capitals(style) / 2;
  const double angle = style.degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle);
  const double sine = std::sin(angle);
  // The base line runs through the middle of a row of pixels (of a column, if turned by 90
  // degrees).
  const auto snap = [](double v) { return std::floor(v) + 0.5; };
  Point origin = {place.x + left * cosine + base * sine, place.y - left * sine + base * cosine};
  if (std::abs(sine) < 1e-9) origin.y = snap(origin.y);
  if (std::abs(cosine) < 1e-9) origin.x = snap(origin.x);
  for (Polyline& line : lines) {
    for (Point& p : line) {
      p = {origin.x + p.x * cosine + p.y * sine, origin.y - p.x * sine + p.y * cosine};
    }
  }
  const double pen = (style.bold ? kBoldPenWidth : kPenWidth) * unit(style);
  canvas.stroke(lines, style.colour, std::max(pen, 1.0));
}

std::string fit_text(std::string_view text, double width, const TextStyle& style) {
  if (text_width(text, style) <= width) return std::string(text);
  constexpr std::string_view kEllipsis = "\u2026";
  std::string best;
  for (std::string_view rest = text; !rest.empty();) {
    next_code(rest);
    std::string_view start = text.substr(0, text.size() - rest.size());
    while (start.ends_with(' ')) start.remove_suffix(1);
    const std::string candidate = std::string(start) + std::string(kEllipsis);
    if (text_width(candidate, style) > width) break;
    best = candidate;
  }
  return best;
}

}  // namespace vitrine
