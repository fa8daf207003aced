#include "apps/drawing/dot_plot.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/text.hpp"
#include "apps/drawing/ticks.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr double kText = 20;
constexpr double kTitle = 26;
constexpr double kMargin = 28;
constexpr double kRow = 36;
constexpr double kGroupGap = 18;
constexpr double kPlotWidth = 560;
constexpr double kRadius = 6.5;
constexpr int kMarks = 6;
constexpr Colour kDot = {0, 114, 178};       // blue of Okabe and Ito
constexpr Colour kWhisker = {86, 180, 233};  // and their sky blue

struct Range {
  double low = HUGE_VAL;
  double high = -HUGE_VAL;

  explicit Range(std::span<const Dot> rows) {
    for (const Dot& row : rows) {
      low = std::min(low, row.value - row.error);
      high = std::max(high, row.value + row.error);
    }
    // A little room; equal values stand in the middle.
    const double room = high > low ? 0.06 * (high - low) : std::max(0.05 * std::abs(high), 1e-3);
    low -= room;
    high += room;
  }
  double at(double value) const { return (value - low) / (high - low); }
};

}  // namespace

Image draw_dot_plot(const std::string& title, const std::string& axis, const std::string& note,
                    std::span<const Dot> rows) {
  const bool finite = std::ranges::all_of(
      rows, [](const Dot& d) { return std::isfinite(d.value) && std::isfinite(d.error); });
  if (rows.empty() || !finite) throw ShapeError("[draw_dot_plot] wants rows with finite values");
  const TextStyle name = {.size = kText, .align_x = AlignX::kRight, .align_y = AlignY::kMiddle};
  const TextStyle text = {.size = kText, .colour = kFaintInk, .align_y = AlignY::kMiddle};
  const TextStyle small = {.size = 0.8 * kText, .colour = kFaintInk};
  const TextStyle heading = {.size = kTitle, .bold = true};
  double names = 0;
  double texts = 0;
  std::vector<double> y;
  double below = kMargin + 2 * kTitle;
  for (const Dot& row : rows) {
    names = std::max(names, text_width(row.name, name));
    texts = std::max(texts, text_width(row.text, text));
    below += row.gap && !y.empty() ? kGroupGap : 0;
    y.push_back(std::floor(below + kRow / 2) + 0.5);
    below += kRow;
  }
  const Rect plot = {std::ceil(kMargin + names + kText), kMargin + 1.7 * kTitle, kPlotWidth,
                     below - kMargin - 1.7 * kTitle + 0.3 * kRow};
  const double width = std::max({plot.right() + kText + texts, kMargin + text_width(title, heading),
                                 kMargin + text_width(note, small)});
  const double height = plot.bottom() + 3.2 * kText + (note.empty() ? 0 : 1.6 * kText);
  Canvas canvas(static_cast<int64_t>(std::ceil(width + kMargin)),
                static_cast<int64_t>(std::ceil(height + kMargin / 2)));
  draw_text(canvas, {kMargin, kMargin + 0.7 * kTitle}, title, heading);

  const Range range(rows);
  const auto x = [&](double value) { return plot.x + range.at(value) * plot.width; };
  const Ticks ticks = linear_ticks(range.low, range.high, kMarks, false);
  for (size_t i = 0; i < ticks.at.size(); ++i) {
    const double mark = std::floor(x(ticks.at[i]));
    canvas.fill({mark, plot.y, 1, plot.height}, kGridLine);
    draw_text(
        canvas, {mark, plot.bottom() + 0.4 * kText}, ticks.labels[i],
        {.size = kText, .colour = kFaintInk, .align_x = AlignX::kCentre, .align_y = AlignY::kTop});
  }
  canvas.fill({plot.x, plot.bottom(), plot.width, 1}, kFrameLine);
  draw_text(canvas, {plot.centre().x, plot.bottom() + 2.6 * kText}, axis,
            {.size = kText, .align_x = AlignX::kCentre});
  draw_text(canvas, {kMargin, plot.bottom() + 4.4 * kText}, note, small);

  for (size_t i = 0; i < rows.size(); ++i) {
    const Dot& row = rows[i];
    canvas.fill({plot.x, y[i] - 0.5, plot.width, 1}, kGridLine);
    draw_text(canvas, {plot.x - 0.6 * kText, y[i]}, row.name, name);
    if (row.error > 0) {
      canvas.line({x(row.value - row.error), y[i]}, {x(row.value + row.error), y[i]}, kWhisker, 4);
    }
    canvas.disc({x(row.value), y[i]}, kRadius, kDot);
    draw_text(canvas, {plot.right() + kText, y[i]}, row.text, text);
  }
  return canvas.image();
}

}  // namespace vitrine
