#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/drawing/colour.hpp"
#include "core/images/image.hpp"

namespace vitrine {

/// A place on a canvas in pixels: x to the right, y down. The centre of the first pixel is
/// (0.5, 0.5).
struct Point {
  double x = 0;
  double y = 0;
};

/// A rectangle in pixels: its upper left corner and its size.
struct Rect {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  double right() const { return x + width; }
  double bottom() const { return y + height; }
  Point centre() const { return {x + width / 2, y + height / 2}; }
};

using Polyline = std::vector<Point>;

/// An RGB picture to draw on. Edges are anti-aliased; what lies outside is cut off.
class Canvas {
 public:
  /// Throws ShapeError unless both sides are at least 1 and write_png could write it.
  Canvas(int64_t width, int64_t height, Colour background = kWhite);

  int64_t width() const { return image_.width; }
  int64_t height() const { return image_.height; }
  const Image& image() const { return image_; }
  Colour at(int64_t x, int64_t y) const;

  /// `alpha`: 1 covers, 0 leaves everything as it was.
  void fill(const Rect& rect, Colour colour, double alpha = 1);
  /// The outline of a rectangle, inside of it.
  void frame(const Rect& rect, Colour colour, double line_width = 1);
  void disc(Point centre, double radius, Colour colour);
  /// Lines with round ends and joins. All of them are one shape: where they cross nothing is
  /// blended twice. A line of one point is a dot.
  void stroke(std::span<const Polyline> lines, Colour colour, double line_width, double alpha = 1);
  void line(Point from, Point to, Colour colour, double line_width = 1);
  /// Copies a picture of 1 or 3 channels with its upper left corner at (x, y), unscaled.
  void draw(const Image& picture, int64_t x, int64_t y);

 private:
  void blend(int64_t x, int64_t y, Colour colour, double alpha);

  Image image_;
};

}  // namespace vitrine
