#include "apps/drawing/canvas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"

namespace vitrine {
namespace {

// Pixels [x0, x1) x [y0, y1).
struct Box {
  int64_t x0, y0, x1, y1;

  bool empty() const { return x0 >= x1 || y0 >= y1; }
};

// The pixels of a canvas that a shape of this extent can touch. Coordinates may be far outside or
// not numbers at all: comparing as doubles first keeps the conversion defined.
Box touched(const Canvas& canvas, double x0, double y0, double x1, double y1) {
  const auto clamp = [](double v, int64_t limit) {
    return v > 0 ? static_cast<int64_t>(std::min(v, static_cast<double>(limit))) : int64_t{0};
  };
  return {clamp(std::floor(x0), canvas.width()), clamp(std::floor(y0), canvas.height()),
          clamp(std::ceil(x1), canvas.width()), clamp(std::ceil(y1), canvas.height())};
}

// How much of the unit interval that begins at `pixel` lies in [from, to].
double overlap(int64_t pixel, double from, double to) {
  const auto begin = static_cast<double>(pixel);
  return std::clamp(std::min(to, begin + 1) - std::max(from, begin), 0.0, 1.0);
}

// How much of each pixel in a box a shape covers, as the most that any of its parts covers.
class Mask {
 public:
  explicit Mask(const Box& box)
      : box_(box), coverage_(static_cast<size_t>((box.x1 - box.x0) * (box.y1 - box.y0)), 0.0F) {}

  // A segment with round ends. A pixel's coverage is taken from the distance of its centre.
  void add_segment(Point a, Point b, double radius) {
    const double reach = radius + 0.5;
    const double dx = b.x - a.x;
    const double dy = b.y - a.y;
    const double length2 = dx * dx + dy * dy;
    const int64_t first = row_at(std::min(a.y, b.y) - reach);
    const int64_t last = row_at(std::max(a.y, b.y) + reach);
    for (int64_t y = first; y <= last; ++y) {
      const double py = static_cast<double>(y) + 0.5;
      const auto [from, to] = columns(a, b, py, reach);
      for (int64_t x = from; x <= to; ++x) {
        const double px = static_cast<double>(x) + 0.5;
        const double t =
            length2 > 0 ? std::clamp(((px - a.x) * dx + (py - a.y) * dy) / length2, 0.0, 1.0) : 0.0;
        const double distance = std::hypot(px - a.x - t * dx, py - a.y - t * dy);
        // A line thinner than a pixel is as wide as one, and fainter.
        const double covered = std::min({reach - distance, 2 * radius, 1.0});
        float& cell = coverage_[index(x, y)];
        cell = std::max(cell, static_cast<float>(covered));
      }
    }
  }

  float at(int64_t x, int64_t y) const { return coverage_[index(x, y)]; }

 private:
  int64_t row_at(double y) const {
    return static_cast<int64_t>(
        std::clamp(std::floor(y), static_cast<double>(box_.y0), static_cast<double>(box_.y1 - 1)));
  }
  int64_t column_at(double x) const {
    return static_cast<int64_t>(
        std::clamp(std::floor(x), static_cast<double>(box_.x0), static_cast<double>(box_.x1 - 1)));
  }

  // The columns that the segment can touch in the row through `py`: so that a long diagonal costs
  // its length, not its bounding box.
  std::array<int64_t, 2> columns(Point a, Point b, double py, double reach) const {
    double x0 = std::min(a.x, b.x);
    double x1 = std::max(a.x, b.x);
    if (std::abs(b.y - a.y) > reach) {
      const double t0 = std::clamp((py - reach - a.y) / (b.y - a.y), 0.0, 1.0);
      const double t1 = std::clamp((py + reach - a.y) / (b.y - a.y), 0.0, 1.0);
      x0 = std::min(a.x + t0 * (b.x - a.x), a.x + t1 * (b.x - a.x));
      x1 = std::max(a.x + t0 * (b.x - a.x), a.x + t1 * (b.x - a.x));
    }
    return {column_at(x0 - reach), column_at(x1 + reach)};
  }

  size_t index(int64_t x, int64_t y) const {
    return static_cast<size_t>((y - box_.y0) * (box_.x1 - box_.x0) + x - box_.x0);
  }

  Box box_;
  std::vector<float> coverage_;
};

bool finite(Point p) { return std::isfinite(p.x) && std::isfinite(p.y); }

}  // namespace

Canvas::Canvas(int64_t width, int64_t height, Colour background) {
  if (width < 1 || height < 1 || !is_image_size(width, height)) {
    throw ShapeError(
        fmt::format("[canvas] cannot draw a picture of {} x {} pixels", width, height));
  }
  const auto pixels = static_cast<size_t>(width * height);
  image_ = {width, height, 3, std::vector<uint8_t>(3 * pixels)};
  for (size_t i = 0; i < pixels; ++i) {
    image_.pixels[3 * i] = background.r;
    image_.pixels[3 * i + 1] = background.g;
    image_.pixels[3 * i + 2] = background.b;
  }
}

Colour Canvas::at(int64_t x, int64_t y) const {
  VT_CHECK(x >= 0 && x < width() && y >= 0 && y < height());
  const uint8_t* p = &image_.pixels[static_cast<size_t>(3 * (y * width() + x))];
  return {p[0], p[1], p[2]};
}

void Canvas::blend(int64_t x, int64_t y, Colour colour, double alpha) {
  uint8_t* p = &image_.pixels[static_cast<size_t>(3 * (y * width() + x))];
  const auto mix = [alpha](uint8_t under, uint8_t over) {
    return static_cast<uint8_t>(std::lround(under + alpha * (over - under)));
  };
  p[0] = mix(p[0], colour.r);
  p[1] = mix(p[1], colour.g);
  p[2] = mix(p[2], colour.b);
}

void Canvas::fill(const Rect& rect, Colour colour, double alpha) {
  const Box box = touched(*this, rect.x, rect.y, rect.right(), rect.bottom());
  for (int64_t y = box.y0; y < box.y1; ++y) {
    const double rows = overlap(y, rect.y, rect.bottom());
    for (int64_t x = box.x0; x < box.x1; ++x) {
      blend(x, y, colour, alpha * rows * overlap(x, rect.x, rect.right()));
    }
  }
}

void Canvas::frame(const Rect& rect, Colour colour, double line_width) {
  const double inner = std::max(rect.height - 2 * line_width, 0.0);
  fill({rect.x, rect.y, rect.width, line_width}, colour);
  fill({rect.x, rect.bottom() - line_width, rect.width, line_width}, colour);
  fill({rect.x, rect.y + line_width, line_width, inner}, colour);
  fill({rect.right() - line_width, rect.y + line_width, line_width, inner}, colour);
}

void Canvas::disc(Point centre, double radius, Colour colour) {
  const Polyline dot = {centre};
  stroke(std::span(&dot, 1), colour, 2 * radius);
}

void Canvas::line(Point from, Point to, Colour colour, double line_width) {
  const Polyline segment = {from, to};
  stroke(std::span(&segment, 1), colour, line_width);
}

void Canvas::stroke(std::span<const Polyline> lines, Colour colour, double line_width,
                    double alpha) {
  const double radius = line_width / 2;
  double x0 = HUGE_VAL;
  double y0 = HUGE_VAL;
  double x1 = -HUGE_VAL;
  double y1 = -HUGE_VAL;
  for (const Polyline& points : lines) {
    for (const Point& p : points) {
      if (!finite(p)) throw ShapeError("[canvas] a line's points must be finite numbers");
      x0 = std::min(x0, p.x);
      y0 = std::min(y0, p.y);
      x1 = std::max(x1, p.x);
      y1 = std::max(y1, p.y);
    }
  }
  const double margin = radius + 1;
  const Box box = touched(*this, x0 - margin, y0 - margin, x1 + margin, y1 + margin);
  if (box.empty()) return;
  Mask mask(box);
  for (const Polyline& points : lines) {
    if (points.size() == 1) mask.add_segment(points[0], points[0], radius);
    for (size_t i = 1; i < points.size(); ++i) mask.add_segment(points[i - 1], points[i], radius);
  }
  for (int64_t y = box.y0; y < box.y1; ++y) {
    for (int64_t x = box.x0; x < box.x1; ++x) {
      const float covered = mask.at(x, y);
      if (covered > 0) blend(x, y, colour, alpha * static_cast<double>(covered));
    }
  }
}

void Canvas::draw(const Image& picture, int64_t x, int64_t y) {
  const int64_t first = std::max<int64_t>(0, -y);
  const int64_t last = std::min(picture.height, height() - y);
  const int64_t left = std::max<int64_t>(0, -x);
  const int64_t right = std::min(picture.width, width() - x);
  for (int64_t row = first; row < last; ++row) {
    for (int64_t column = left; column < right; ++column) {
      const uint8_t* from =
          &picture.pixels[static_cast<size_t>((row * picture.width + column) * picture.channels)];
      uint8_t* to = &image_.pixels[static_cast<size_t>(3 * ((y + row) * width() + x + column))];
      for (int c = 0; c < 3; ++c) to[c] = from[picture.channels == 3 ? c : 0];
    }
  }
}

}  // namespace vitrine
