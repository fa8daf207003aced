// A plain sans-serif font made of pen strokes, so that it is sharp at every size and angle and
// needs no file. Each character is a little path:
//   M x y       lift the pen and go there
//   L x y       a straight line
//   H x y       a quarter of an ellipse that starts horizontally (and ends vertically)
//   V x y       a quarter of an ellipse that starts vertically (and ends horizontally)
//   Q a b x y   a curve to (x, y) that starts towards (a, b) and arrives from there
//   D x y       a dot
// Capitals are 14 units high, small letters 10; y = 0 is the base line.

#include "apps/font.hpp"

#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <sstream>
#include <string>

namespace vitrine {
namespace {

struct Drawing {
  char32_t code;
  double begin, end;  // rounder sides reach a little out of their own space
  const char* path;
};

constexpr Drawing kDrawings[] = {
    {U' ', 0, 1.6, ""},
    {U'!', 0, 1, "M0.5 14 L0.5 4.6 D0.5 0.2"},
    {U'"', 0, 3.6, "M0 14 L0 10.4 M3.6 14 L3.6 10.4"},
    {U'#', 0, 9.6, "M4 13.4 L2 0.6 M7.8 13.4 L5.8 0.6 M0.6 9.2 L9.6 9.2 M0 4.8 L9 4.8"},
    {U'$', 0, 9.6,
     "M9 11.2 Q7.6 13.4 4.8 13.4 H0.5 10.3 V4.9 7.1 H9.5 3.8 V4.8 0.6 Q1.5 0.6 0.1 3 "
     "M4.8 15.4 L4.8 -1.6"},
    {U'%', 0.2, 11.6,
     "M9.9 14 L1.9 0 M2.7 14 H0 10.6 V2.7 7.2 H5.4 10.6 V2.7 14 "
     "M9.1 6.8 H6.4 3.4 V9.1 0 H11.8 3.4 V9.1 6.8"},
    {U'&', 0.2, 10.4,
     "M10.4 0 L2.5 9.2 Q1.4 10.5 1.4 11.5 V4 14 H6.6 11.6 Q6.6 9.8 4 8.3 Q0 6.2 0 3.6 V3.9 0 "
     "Q8.2 0 9.3 6.2"},
    {U'\'', 0, 0, "M0 14 L0 10.4"},
    {U'(', 0, 3.4, "M3.4 15.5 Q0 11.4 0 6 Q0 0.6 3.4 -3.5"},
    {U')', 0, 3.4, "M0 15.5 Q3.4 11.4 3.4 6 Q3.4 0.6 0 -3.5"},
    {U'*', 0, 6, "M3 14 L3 8 M0.4 12.5 L5.6 9.5 M0.4 9.5 L5.6 12.5"},
    {U'+', 0, 8.6, "M0 6 L8.6 6 M4.3 10.3 L4.3 1.7"},
    {U',', 0, 1, "M0.7 0.5 L0 -2.8"},
    {U'-', 0, 4.6, "M0 5.4 L4.6 5.4"},
    {U'.', 0, 0.8, "D0.4 0.2"},
    {U'/', 0.4, 5.6, "M0 -1.4 L6 15"},
    {U'0', 0, 8.6, "M4.3 14 H0.1 7 V4.3 0 H8.5 7 V4.3 14"},
    {U'1', 0, 8.6, "M1.2 11.2 L5 14 L5 0"},
    {U'2', 0, 8.6, "M0.5 10.5 Q0.9 14 4.4 14 H8.1 10.4 Q8.1 8.2 6 5.9 L0.3 0 L8.5 0"},
    {U'3', 0, 8.6,
     "M0.7 11.6 Q1.8 14 4.2 14 H7.9 10.8 V4.4 7.5 L3.2 7.5 M4.4 7.5 H8.5 3.8 V4.2 0 "
     "Q1.2 0 0.2 2.8"},
    {U'4', 0, 8.6, "M6.4 0 L6.4 14 L0 4 L8.8 4"},
    {U'5', 0, 8.6, "M7.8 14 L1.5 14 L0.9 7.7 Q2.4 9.1 4.4 9.1 H8.5 4.6 V4.2 0 Q1.3 0 0.2 2.6"},
    {U'6', 0, 8.6, "M7.7 11.9 Q6.6 14 4.7 14 H0.1 6 V4.3 0 H8.5 4.5 V4.3 9 H0.1 4.6"},
    {U'7', 0, 8.6, "M0.2 14 L8.4 14 L3 0"},
    {U'8', 0, 8.6, "M4.3 7.6 H0.6 10.8 V4.3 14 H8 10.8 V4.3 7.6 H0.1 3.8 V4.3 0 H8.5 3.8 V4.3 7.6"},
    {U'9', 0, 8.6, "M0.9 2.1 Q2 0 3.9 0 H8.5 8 V4.3 14 H0.1 9.5 V4.3 5 H8.5 9.4"},
    {U':', 0, 0.8, "D0.4 0.2 D0.4 9.2"},
    {U';', 0, 1, "M0.7 0.5 L0 -2.8 D0.5 9.2"},
    {U'<', 0, 8, "M8 10.6 L0 6 L8 1.4"},
    {U'=', 0, 8.6, "M0 8.2 L8.6 8.2 M0 3.8 L8.6 3.8"},
    {U'>', 0, 8, "M0 10.6 L8 6 L0 1.4"},
    {U'?', 0, 7, "M0 11.4 Q0.8 14 3.6 14 H7.2 10.8 Q7.2 9.2 5.4 8 Q3.6 6.9 3.6 4.6 D3.6 0.2"},
    {U'@', 0.2, 13.4,
     "M9.6 6.4 V6.9 9.6 H4.2 6.3 V6.9 3 H9.6 6.4 M9.6 9.6 L9.6 5 V11.4 3 H13.6 7 V7 13.4 "
     "H0 5.6 V7 -2.4 Q9.4 -2.4 11 -1.4"},
    {U'A', 0.4, 10.6, "M0 0 L5.5 14 L11 0 M1.9 4.7 L9.1 4.7"},
    {U'B', 0, 9, "M0 0 L0 14 L5 14 H8.6 10.8 V5 7.5 L0 7.5 M5 7.5 H9.3 3.8 V5 0 L0 0"},
    {U'C', 0.3, 10.8, "M11 11 Q9.4 14 6.2 14 H0 7 V6.2 0 Q9.4 0 11 3"},
    {U'D', 0, 10.2, "M0 0 L0 14 L4 14 H10.5 7 V4 0 L0 0"},
    {U'E', 0, 8, "M8.2 14 L0 14 L0 0 L8.4 0 M0 7.3 L7.3 7.3"},
    {U'F', 0, 7.8, "M8.2 14 L0 14 L0 0 M0 7 L7 7"},
    {U'G', 0.3, 11.3, "M10.9 11.2 Q9.3 14 6.2 14 H0 7 V6.2 0 Q9.6 0 11.3 2.2 L11.3 6.6 L6.8 6.6"},
    {U'H', 0, 10.2, "M0 0 L0 14 M10.2 0 L10.2 14 M0 7.3 L10.2 7.3"},
    {U'I', 0, 0, "M0 0 L0 14"},
    {U'J', 0, 6.2, "M6.2 14 L6.2 3.8 V3.1 0 H0 3.2"},
    {U'K', 0, 9.4, "M0 0 L0 14 M9.2 14 L0 5 M3.5 8.4 L9.8 0"},
    {U'L', 0, 7.6, "M0 14 L0 0 L7.8 0"},
    {U'M', 0, 12.4, "M0 0 L0 14 L6.2 3 L12.4 14 L12.4 0"},
    {U'N', 0, 10.2, "M0 0 L0 14 L10.2 0 L10.2 14"},
    {U'O', 0.3, 12.7, "M6.5 14 H0 7 V6.5 0 H13 7 V6.5 14"},
    {U'P', 0, 8.7, "M0 0 L0 14 L5 14 H9 10.2 V5 6.4 L0 6.4"},
    {U'Q', 0.3, 12.7, "M6.5 14 H0 7 V6.5 0 H13 7 V6.5 14 M8 3.5 L12.6 -1"},
    {U'R', 0, 9.2, "M0 0 L0 14 L5 14 H9 10.3 V5 6.6 L0 6.6 M5.2 6.6 L9.5 0"},
    {U'S', 0.2, 9.4, "M9 11.4 Q7.7 14 4.8 14 H0.5 10.7 V4.9 7.3 H9.6 3.7 V4.8 0 Q1.4 0 0 2.9"},
    {U'T', 0.3, 9.7, "M0 14 L10 14 M5 14 L5 0"},
    {U'U', 0, 10, "M0 14 L0 4.8 V5 0 H10 4.8 L10 14"},
    {U'V', 0.4, 10.2, "M0 14 L5.3 0 L10.6 14"},
    {U'W', 0.3, 15.7, "M0 14 L4 0 L8 13.4 L12 0 L16 14"},
    {U'X', 0.3, 9.7, "M0.3 14 L9.9 0 M9.7 14 L0.1 0"},
    {U'Y', 0.4, 9.6, "M0 14 L5 6.5 L10 14 M5 6.5 L5 0"},
    {U'Z', 0, 9.4, "M0.3 14 L9.2 14 L0 0 L9.5 0"},
    {U'[', 0, 3, "M3.2 15.5 L0 15.5 L0 -3.5 L3.2 -3.5"},
    {U'\\', 0.4, 5.6, "M0 15 L6 -1.4"},
    {U']', 0, 3, "M-0.2 15.5 L3 15.5 L3 -3.5 L-0.2 -3.5"},
    {U'^', 0, 7, "M0 8.6 L3.5 14 L7 8.6"},
    {U'_', 0, 8.6, "M-0.6 -2.4 L9.2 -2.4"},
    {U'`', 0, 3, "M0 14.4 L2.4 11.8"},
    {U'a', 0.2, 7.7,
     "M0.8 7.8 Q1.9 10 4.3 10 H7.8 6.5 L7.8 0 M7.8 5.8 L3.8 5.8 H0 2.9 V3.4 0 "
     "Q6.2 0 7.8 2.6"},
    {U'b', 0, 8.4, "M0 14 L0 0 M0 5 V4.4 10 H8.8 5 V4.4 0 H0 5"},
    {U'c', 0.3, 7.6, "M7.8 7.7 Q6.7 10 4.4 10 H0 5 V4.4 0 Q6.7 0 7.8 2.3"},
    {U'd', 0.4, 8.8, "M8.8 14 L8.8 0 M8.8 5 V4.4 10 H0 5 V4.4 0 H8.8 5"},
    {U'e', 0.3, 8.4, "M0.1 5.2 L8.6 5.2 V4.4 10 H0 5 V4.5 0 Q7 0 8.3 2.2"},
    {U'f', 0.4, 4.2, "M5.2 14 L4.9 14 H2 11.1 L2 0 M0 9.8 L4.8 9.8"},
    {U'g', 0.4, 8.8,
     "M8.8 10 L8.8 -0.4 V4.5 -4.5 Q1.9 -4.5 0.7 -2.6 M8.8 5 V4.4 10 H0 5 V4.4 0 "
     "H8.8 5"},
    {U'h', 0, 7.8, "M0 14 L0 0 M0 5.8 V4.2 10 H7.8 6.2 L7.8 0"},
    {U'i', 0, 0, "M0 10 L0 0 D0 13.6"},
    {U'j', 0, 1.2, "M1.2 10 L1.2 -1.6 V-1.4 -4.5 D1.2 13.6"},
    {U'k', 0, 7.2, "M0 14 L0 0 M7.1 10 L0 3.4 M2.8 6 L7.6 0"},
    {U'l', 0, 2, "M0 14 L0 2.3 V2.2 0"},
    {U'm', 0, 13, "M0 10 L0 0 M0 5.8 V3.6 10 H6.5 6.4 L6.5 0 M6.5 5.8 V10.1 10 H13 6.4 L13 0"},
    {U'n', 0, 7.8, "M0 10 L0 0 M0 5.8 V4.2 10 H7.8 6.2 L7.8 0"},
    {U'o', 0.3, 8.7, "M4.5 10 H0 5 V4.5 0 H9 5 V4.5 10"},
    {U'p', 0, 8.4, "M0 10 L0 -4.5 M0 5 V4.4 10 H8.8 5 V4.4 0 H0 5"},
    {U'q', 0.4, 8.8, "M8.8 10 L8.8 -4.5 M8.8 5 V4.4 10 H0 5 V4.4 0 H8.8 5"},
    {U'r', 0, 4.2, "M0 10 L0 0 M0 5.4 V4 10 L4.8 10"},
    {U's', 0.2, 7, "M6.8 7.9 Q5.9 10 3.6 10 H0.4 7.5 V3.7 5.1 H7.2 2.6 V3.6 0 Q1 0 0 2.1"},
    {U't', 0.3, 4.6, "M2 13 L2 2.7 V4.5 0 L5 0 M0 9.8 L5 9.8"},
    {U'u', 0, 7.8, "M0 10 L0 3.8 V3.6 0 H7.8 4.2 M7.8 10 L7.8 0"},
    {U'v', 0.4, 8, "M0 10 L4.2 0 L8.4 10"},
    {U'w', 0.3, 12.5, "M0 10 L3.2 0 L6.4 9.6 L9.6 0 L12.8 10"},
    {U'x', 0.3, 7.7, "M0.3 10 L7.9 0 M7.7 10 L0.1 0"},
    {U'y', 0.4, 8, "M0 10 L4.3 0 M8.4 10 L3.5 -2.5 Q2.7 -4.5 0.6 -4.5"},
    {U'z', 0, 7.5, "M0.2 10 L7.3 10 L0 0 L7.6 0"},
    {U'{', 0, 4, "M4 15.5 L3.8 15.5 H1.8 13.4 L1.8 8.2 V0 6 H1.8 3.8 L1.8 -1.4 V3.8 -3.5 L4 -3.5"},
    {U'|', 0, 0, "M0 15.5 L0 -3.5"},
    {U'}', 0, 4, "M0 15.5 L0.2 15.5 H2.2 13.4 L2.2 8.2 V4 6 H2.2 3.8 L2.2 -1.4 V0.2 -3.5 L0 -3.5"},
    {U'~', 0, 8.6, "M0 4.8 Q1.2 7.2 2.8 7.2 Q3.8 7.2 4.4 6 Q5.2 4.6 6 4.6 Q7.6 4.6 8.6 7.2"},
    {U'\u00b0', 0, 4.4, "M2.2 14.4 H0 12.2 V2.2 10 H4.4 12.2 V2.2 14.4"},
    {U'\u00b1', 0, 8.6, "M0 7.4 L8.6 7.4 M4.3 11.7 L4.3 3.1 M0 0 L8.6 0"},
    {U'\u00b7', 0, 0.8, "D0.4 5.6"},
    {U'\u00d7', 0, 6.8, "M0 9.4 L6.8 2.6 M6.8 9.4 L0 2.6"},
    {U'\u2013', 0, 8, "M-0.6 5.4 L8.6 5.4"},
    {U'\u2014', 0, 14, "M-0.6 5.4 L14.6 5.4"},
    {U'\u2026', 0, 9.8, "D0.4 0.2 D4.9 0.2 D9.4 0.2"},
    {U'\u2192', 0, 11, "M0 5.6 L11 5.6 M7.4 9.2 L11 5.6 L7.4 2"},
    {U'\u2212', 0, 8.6, "M0 6 L8.6 6"},
};
constexpr Drawing kUnknown = {U'\ufffd', 0, 7, "M0 0 L0 14 L7 14 L7 0 L0 0"};

// Straight pieces per curve: below a tenth of a pixel of error at any size that pictures use.
constexpr int kPieces = 8;
// A dot is this much larger than the pen, or it would look weaker than the lines.
constexpr double kDotRadius = 0.55;

Point quarter_ellipse(Point from, Point to, bool starts_horizontally, double t) {
  const double angle = t * std::numbers::pi / 2;
  const double slow = 1 - std::cos(angle);
  const double fast = std::sin(angle);
  return {from.x + (to.x - from.x) * (starts_horizontally ? fast : slow),
          from.y + (to.y - from.y) * (starts_horizontally ? slow : fast)};
}

Point quadratic(Point from, Point control, Point to, double t) {
  const double a = (1 - t) * (1 - t);
  const double b = 2 * t * (1 - t);
  const double c = t * t;
  return {a * from.x + b * control.x + c * to.x, a * from.y + b * control.y + c * to.y};
}

Glyph build(const Drawing& drawing) {
  Glyph glyph = {drawing.begin, drawing.end, {}};
  std::istringstream path(drawing.path);
  const auto read_point = [&path] {
    Point p;
    path >> p.x >> p.y;
    return p;
  };
  Point at;
  const auto curve = [&](Point to, const auto& point_at) {
    for (int i = 1; i <= kPieces; ++i) glyph.lines.back().push_back(point_at(i * 1.0 / kPieces));
    at = to;
  };
  for (char command = 0; path >> command;) {
    const Point from = at;
    const Point p = read_point();
    if (command == 'M') {
      glyph.lines.push_back({p});
      at = p;
    } else if (command == 'D') {
      const double r = kDotRadius;
      glyph.lines.push_back(
          {{p.x - r, p.y}, {p.x, p.y + r}, {p.x + r, p.y}, {p.x, p.y - r}, {p.x - r, p.y}});
    } else if (command == 'L') {
      glyph.lines.back().push_back(p);
      at = p;
    } else if (command == 'Q') {
      const Point to = read_point();
      curve(to, [&](double t) { return quadratic(from, p, to, t); });
    } else {
      curve(p, [&](double t) { return quarter_ellipse(from, p, command == 'H', t); });
    }
  }
  return glyph;
}

}  // namespace

const Glyph& glyph(char32_t code) {
  static const std::map<char32_t, Glyph> glyphs = [] {
    std::map<char32_t, Glyph> all;
    for (const Drawing& drawing : kDrawings) all.emplace(drawing.code, build(drawing));
    return all;
  }();
  static const Glyph unknown = build(kUnknown);
  const auto found = glyphs.find(code);
  return found != glyphs.end() ? found->second : unknown;
}

}  // namespace vitrine
