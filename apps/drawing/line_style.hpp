#pragma once

#include <cstddef>
#include <span>

#include "apps/drawing/canvas.hpp"

namespace vitrine {

enum class Marker { kDisc, kDiamond, kTriangle, kRing };

/// How a curve is told from the others.
struct LineStyle {
  Colour colour;
  /// Lengths of strokes and gaps in widths of the line, in turn; empty for a whole line.
  std::span<const double> dashes;
  Marker marker = Marker::kDisc;

  bool operator==(const LineStyle& other) const {
    return colour == other.colour && dashes.data() == other.dashes.data() && marker == other.marker;
  }
};

/// So many curves have a style of their own.
inline constexpr size_t kLineStyles = 24;

/// The style of the i-th curve of a chart, from 0: twelve colours; every six curves another pattern
/// of dashes and another marker, so that nobody depends on colours alone.
LineStyle line_style(size_t i);

/// A line in that style, `width` pixels wide.
void draw_line(Canvas& canvas, std::span<const Polyline> pieces, const LineStyle& style,
               double width);

/// A point of such a line.
void draw_marker(Canvas& canvas, Point at, const LineStyle& style, double line_width);

}  // namespace vitrine
