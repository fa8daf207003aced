#include "apps/drawing/text.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "apps/drawing/font.hpp"
#include "core/utf8.hpp"

namespace vitrine {
namespace {

constexpr double kUnitsPerSize = kFontCapHeight / 0.7;
constexpr double kLetterSpace = 4.2;  // font units between the spaces of two neighbours
constexpr double kPenWidth = 1.7;     // font units
constexpr double kBoldPenWidth = 2.5;
constexpr double kFinePenWidth = 0.9;
constexpr double kLeastFinePen = 0.7;  // pixels: thinner lines are only fainter
constexpr const char* kEllipsis = "\u2026";

double unit(const TextStyle& style) { return style.size / kUnitsPerSize; }

double space(const TextStyle& style) {
  return kLetterSpace + (style.bold ? kBoldPenWidth - kPenWidth : 0.0);
}

constexpr size_t kMostMarks = 3;  // on one letter: a heap of them would run over other lines

// A letter of a text with its marks, and the text behind it.
struct Letter {
  Glyph glyph;
  std::string_view rest;
};

// False at the end of the text, or if what is left of it draws nothing.
bool next_letter(std::string_view text, Letter& letter) {
  char32_t code = 0;
  do {
    if (text.empty()) return false;
    code = next_code(text);
  } while (is_invisible(code));
  std::u32string marks;
  while (!text.empty()) {
    std::string_view behind = text;
    const char32_t mark = next_code(behind);
    if (!is_mark(mark) && !is_invisible(mark)) break;
    if (is_mark(mark) && marks.size() < kMostMarks) marks += mark;
    text = behind;
  }
  letter = {glyph(code, marks), text};
  return true;
}

double advance(const Glyph& glyph, const TextStyle& style) {
  return (glyph.end - glyph.begin + space(style)) * unit(style);
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
struct TextLines {
  std::vector<Polyline> lines, fine;

  TextLines(std::string_view text, const TextStyle& style) {
    const double scale = unit(style);
    double at = 0;  // pixels
    for (Letter letter; next_letter(text, letter); text = letter.rest) {
      const auto add = [&](const std::vector<Polyline>& drawn, std::vector<Polyline>& to) {
        for (const Polyline& stroke : drawn) {
          Polyline& line = to.emplace_back();
          for (const Point& p : stroke) {
            line.push_back({at + (p.x - letter.glyph.begin) * scale, -snapped_height(p.y, scale)});
          }
        }
      };
      add(letter.glyph.lines, lines);
      add(letter.glyph.fine, fine);
      at += advance(letter.glyph, style);
    }
  }
};

}  // namespace

double cap_height(const TextStyle& style) { return height_of_capitals(style); }

double text_width(std::string_view text, const TextStyle& style) {
  double width = 0;
  for (Letter letter; next_letter(text, letter); text = letter.rest) {
    width += advance(letter.glyph, style);
  }
  return std::max(width - space(style) * unit(style), 0.0);
}

void draw_text(Canvas& canvas, Point place, std::string_view text, const TextStyle& style) {
  TextLines drawn(text, style);
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
  for (std::vector<Polyline>* lines : {&drawn.lines, &drawn.fine}) {
    for (Polyline& line : *lines) {
      for (Point& p : line) {
        p = {origin.x + p.x * cosine + p.y * sine, origin.y - p.x * sine + p.y * cosine};
      }
    }
  }
  const double pen = (style.bold ? kBoldPenWidth : kPenWidth) * unit(style);
  canvas.stroke(drawn.lines, style.colour, std::max(pen, 1.0));
  canvas.stroke(drawn.fine, style.colour, std::max(kFinePenWidth * unit(style), kLeastFinePen));
}

std::string fit_text(std::string_view text, double width, const TextStyle& style) {
  const double ellipsis = text_width(kEllipsis, style);
  double taken = 0;
  std::string_view shortened;  // the longest beginning that has room for an ellipsis
  bool any = false;
  std::string_view rest = text;
  for (Letter letter; next_letter(rest, letter); rest = letter.rest) {
    taken += advance(letter.glyph, style);
    if (taken - space(style) * unit(style) > width) {
      while (shortened.ends_with(' ')) shortened.remove_suffix(1);
      return any ? std::string(shortened) + kEllipsis : "";
    }
    if (taken + ellipsis <= width) {
      shortened = text.substr(0, text.size() - letter.rest.size());
      any = true;
    }
  }
  return std::string(text);
}

std::string fit_middle(std::string_view text, double width, const TextStyle& style) {
  if (text_width(text, style) <= width) return std::string(text);
  std::vector<double> widths;
  std::vector<size_t> ends;  // bytes
  std::string_view rest = text;
  for (Letter letter; next_letter(rest, letter); rest = letter.rest) {
    widths.push_back(advance(letter.glyph, style));
    ends.push_back(text.size() - letter.rest.size());
  }
  // From both ends towards the middle, whichever is shorter so far; the end has the extension and
  // most often what differs, so it goes first.
  double room = width - text_width(kEllipsis, style);
  double head = 0;
  double tail = 0;
  size_t first = 0;
  size_t last = widths.size();
  while (first < last) {
    const bool at_end = tail <= head;
    const double next = at_end ? widths[last - 1] : widths[first];
    if (next > room) break;
    room -= next;
    (at_end ? tail : head) += next;
    at_end ? --last : ++first;
  }
  if (room < 0 || last == widths.size()) return "";
  return std::string(text.substr(0, first == 0 ? 0 : ends[first - 1])) + kEllipsis +
         std::string(text.substr(ends[last - 1]));
}

}  // namespace vitrine
