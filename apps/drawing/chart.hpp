#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/images/image.hpp"

namespace vitrine {

/// One curve: points (x[i], y[i]) joined by a line. A y that is not finite (or not positive on a
/// logarithmic axis) leaves a gap.
struct Series {
  std::string name;  ///< for the legend; empty: not in it
  std::vector<double> x;
  std::vector<double> y;
};

struct Axis {
  std::string label;
  bool logarithmic = false;
  bool whole = false;  ///< marks at whole numbers only, as for epochs
};

struct Chart {
  std::string title;
  Axis x;
  Axis y;
  std::vector<Series> series;
};

/// Line charts side by side, each with a title, a legend, axes with marks, and a grid. The limits
/// of the axes are those of the data with a little room. A chart without any point says so. Every
/// curve has the style that line_style gives its number. Where the names of the series take more
/// than two lines, the picture is higher than `height` by the others.
/// Throws ShapeError if a series has not as many x as y, an x is not finite, or the picture is too
/// small: a chart needs 240 x 200 pixels.
Image draw_charts(std::span<const Chart> charts, int64_t width, int64_t height);

}  // namespace vitrine
