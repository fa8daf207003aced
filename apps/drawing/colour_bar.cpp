#include "apps/drawing/colour_bar.hpp"

#include <algorithm>
#include <cmath>

#include "apps/drawing/text.hpp"

namespace vitrine {
namespace {

constexpr int kMostIntervals = 5;  // a colour cannot be read more finely

}  // namespace

int colour_bar_marks(double height, double text_size) {
  return std::clamp(static_cast<int>(height / (2.6 * text_size)), 2, kMostIntervals);
}

double draw_colour_bar(Canvas& canvas, const Rect& area, const Ticks& marks, std::string_view label,
                       double text_size, const std::function<Colour(double)>& colour_at) {
  for (double row = 0; row < area.height; ++row) {
    const double share = (row + 0.5) / area.height;
    canvas.fill({area.x, area.bottom() - row - 1, area.width, 1}, colour_at(share));
  }
  canvas.frame(area, kFrameLine);

  const double mark = std::round(0.3 * text_size);
  const TextStyle number = {.size = text_size, .colour = kFaintInk, .align_y = AlignY::kMiddle};
  double widest = 0;
  for (size_t i = 0; i < marks.at.size(); ++i) {
    const double share = marks.at[i];
    const double y =
        std::clamp(std::floor(area.bottom() - share * area.height), area.y, area.bottom() - 1);
    canvas.fill({area.right(), y, mark, 1}, kFrameLine);
    draw_text(canvas, {area.right() + 2 * mark, y}, marks.labels[i], number);
    widest = std::max(widest, text_width(marks.labels[i], number));
  }

  const double right = area.right() + 2 * mark + widest;
  if (label.empty()) return right;
  const TextStyle turned = {.size = text_size, .align_x = AlignX::kCentre, .degrees = 90};
  const double base = right + 0.6 * text_size + cap_height(turned);
  draw_text(canvas, {base, area.centre().y}, label, turned);
  return base;
}

}  // namespace vitrine
