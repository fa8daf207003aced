#include "apps/drawing/line_style.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace vitrine {
namespace {

// First the order of Okabe and Ito's palette (https://jfly.uni-koeln.de/color), which colour-blind
// people can tell apart. Then six darker ones, chosen for the largest least distance (in Oklab, as
// people with each kind of colour blindness see them by the matrices of Machado et al. 2009) from
// one another and from the first six.
constexpr std::array<Colour, 12> kPalette = {{{0, 114, 178},
                                              {213, 94, 0},
                                              {0, 158, 115},
                                              {204, 121, 167},
                                              {230, 159, 0},
                                              {86, 180, 233},
                                              {143, 62, 121},
                                              {53, 0, 26},
                                              {154, 104, 254},
                                              {9, 4, 212},
                                              {22, 13, 111},
                                              {84, 56, 7}}};
constexpr size_t kGroup = 6;  // curves with the same dashes and markers

constexpr std::array<double, 2> kDashed = {5, 2.5};
constexpr std::array<double, 2> kDotted = {1, 2};
constexpr std::array<double, 4> kDashDotted = {6, 2, 1, 2};

// The pieces of a line that its strokes leave. `pattern` in pixels.
void add_dashes(const Polyline& line, std::span<const double> pattern,
                std::vector<Polyline>& strokes) {
  size_t part = 0;
  double left = pattern[0];  // of the current part
  Polyline stroke = {line[0]};
  for (size_t i = 1; i < line.size(); ++i) {
    Point from = line[i - 1];
    double length = std::hypot(line[i].x - from.x, line[i].y - from.y);
    while (length > left) {
      const double share = left / length;
      from = {from.x + share * (line[i].x - from.x), from.y + share * (line[i].y - from.y)};
      length -= left;
      stroke.push_back(from);
      if (part % 2 == 0) strokes.push_back(stroke);
      stroke = {from};
      part = (part + 1) % pattern.size();
      left = pattern[part];
    }
    left -= length;
    stroke.push_back(line[i]);
  }
  if (part % 2 == 0 && stroke.size() > 1) strokes.push_back(stroke);
}

// A polygon filled by a broad pen that follows it half way to its middle.
void fill_polygon(Canvas& canvas, Point middle, std::span<const Point> corners, double radius,
                  Colour colour) {
  Polyline outline;
  for (const Point& p : corners) {
    outline.push_back({middle.x + 0.4 * radius * p.x, middle.y + 0.4 * radius * p.y});
  }
  outline.push_back(outline[0]);
  canvas.stroke(std::span(&outline, 1), colour, 1.15 * radius);
}

}  // namespace

LineStyle line_style(size_t i) {
  constexpr std::array<std::span<const double>, 4> kPatterns = {std::span<const double>(), kDashed,
                                                                kDotted, kDashDotted};
  constexpr std::array<Marker, 4> kMarkers = {Marker::kDisc, Marker::kDiamond, Marker::kTriangle,
                                              Marker::kRing};
  static_assert(kGroup * kPatterns.size() == kLineStyles);
  const size_t group = i / kGroup % kPatterns.size();
  return {kPalette[i % kPalette.size()], kPatterns[group], kMarkers[group]};
}

void draw_line(Canvas& canvas, std::span<const Polyline> pieces, const LineStyle& style,
               double width) {
  if (style.dashes.empty()) return canvas.stroke(pieces, style.colour, width);
  std::vector<double> pattern(style.dashes.begin(), style.dashes.end());
  // Round ends make a stroke longer and a gap shorter by a width.
  for (size_t i = 0; i < pattern.size(); ++i)
    pattern[i] = (pattern[i] + (i % 2 == 1 ? 1.0 : 0.0)) * width;
  std::vector<Polyline> strokes;
  for (const Polyline& piece : pieces) {
    if (piece.size() > 1) add_dashes(piece, pattern, strokes);
  }
  canvas.stroke(strokes, style.colour, width);
}

void draw_marker(Canvas& canvas, Point at, const LineStyle& style, double line_width) {
  constexpr std::array<Point, 4> kDiamond = {{{0, -2}, {2, 0}, {0, 2}, {-2, 0}}};
  constexpr std::array<Point, 3> kTriangle = {{{0, -2.1}, {1.9, 1.3}, {-1.9, 1.3}}};
  const double radius = 1.5 * line_width;
  switch (style.marker) {
    case Marker::kDisc:
      return canvas.disc(at, radius, style.colour);
    case Marker::kDiamond:
      return fill_polygon(canvas, at, kDiamond, radius, style.colour);
    case Marker::kTriangle:
      return fill_polygon(canvas, at, kTriangle, radius, style.colour);
    case Marker::kRing:
      canvas.disc(at, 1.4 * radius, style.colour);
      return canvas.disc(at, 0.7 * radius, kWhite);
  }
}

}  // namespace vitrine
