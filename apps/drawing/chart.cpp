#include "apps/drawing/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/line_style.hpp"
#include "apps/drawing/text.hpp"
#include "apps/drawing/ticks.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr int64_t kLeastWidth = 240;
constexpr int64_t kLeastHeight = 200;
constexpr size_t kMostDots = 40;     // every point is marked while they can be told apart
constexpr size_t kSparseDots = 12;   // so many, where they tell one curve from another
constexpr size_t kPlainSeries = 6;   // that whole lines and colours tell apart
constexpr double kLegendLine = 1.6;  // of the size of its text
constexpr int kLegendRows = 2;       // that the height of a picture has room for

// Sizes in pixels that follow from the size of a chart.
struct Metrics {
  double text, title, gap, line;

  explicit Metrics(const Rect& area)
      : text(std::clamp(std::min(area.width / 38, area.height / 27), 11.0, 28.0)),
        title(1.2 * text),
        gap(0.5 * text),
        line(0.13 * text) {}
};

// Where the names of a chart's series stand above it.
struct Legend {
  std::vector<Point> places;  // per series: offset in pixels, row
  int rows = 0;

  Legend(const Chart& chart, double width, const Metrics& metrics) {
    double at = 0;
    for (const Series& series : chart.series) {
      places.push_back({at, static_cast<double>(rows)});
      if (series.name.empty()) continue;
      const double own =
          swatch(chart, metrics) + metrics.gap + text_width(series.name, {.size = metrics.text});
      if (at > 0 && at + own > width - 6 * metrics.text) {
        at = 0;
        ++rows;
        places.back() = {at, static_cast<double>(rows)};
      }
      at += own + 1.5 * metrics.text;
    }
    rows += at > 0 ? 1 : 0;
  }

  // Long enough to show dashes, where there are any.
  static double swatch(const Chart& chart, const Metrics& metrics) {
    return (chart.series.size() > kPlainSeries ? 2.8 : 1.6) * metrics.text;
  }
};

// The part of an axis that is shown, from data to [0, 1].
struct Scale {
  double low = 0;
  double high = 1;
  bool logarithmic = false;

  double value(double v) const { return logarithmic ? std::log10(v) : v; }
  double at(double v) const { return (value(v) - value(low)) / (value(high) - value(low)); }
};

bool shown(const Chart& chart, double x, double y) {
  return std::isfinite(y) && (!chart.y.logarithmic || y > 0) && (!chart.x.logarithmic || x > 0);
}

// Limits with a little room on both sides; a single value is put in the middle.
Scale make_scale(double low, double high, bool logarithmic, double room) {
  if (low > high) return {logarithmic ? 0.1 : 0.0, 1.0, logarithmic};
  if (logarithmic) {
    const double factor = high / low > 1 + 1e-9 ? std::pow(high / low, room) : 2.0;
    return {low / factor, high * factor, true};
  }
  const double range = high - low;
  const double size = std::max(std::abs(low), std::abs(high));
  // Below that the marks would differ only behind the digits that a double has.
  const double pad = range > 1e-9 * size ? room * range : (size > 0 ? 0.05 * size : 1.0);
  return {low - pad, high + pad, false};
}

// A chart inside its part of the canvas: the layout first, then the drawing.
class Plot {
 public:
  Plot(Canvas& canvas, const Rect& area, const Chart& chart, const Metrics& metrics,
       const Legend& legend)
      : canvas_(canvas), chart_(chart), area_(area), metrics_(metrics), legend_(legend) {
    find_limits();
  }

  /// `legend_rows`: room for so many, so that charts side by side are equally high.
  void draw(int legend_rows) {
    lay_out(legend_rows);
    draw_heading();
    draw_grid();
    draw_labels();
    for (size_t i = 0; i < chart_.series.size(); ++i) draw_series(i);
    if (!any_) {
      draw_text(canvas_, inner_.centre(), "no data",
                {.size = metrics_.text,
                 .colour = kFaintInk,
                 .align_x = AlignX::kCentre,
                 .align_y = AlignY::kMiddle});
    }
  }

 private:
  void find_limits() {
    double x0 = HUGE_VAL;
    double x1 = -HUGE_VAL;
    double y0 = HUGE_VAL;
    double y1 = -HUGE_VAL;
    for (const Series& series : chart_.series) {
      for (size_t i = 0; i < series.x.size(); ++i) {
        if (!shown(chart_, series.x[i], series.y[i])) continue;
        any_ = true;
        x0 = std::min(x0, series.x[i]);
        x1 = std::max(x1, series.x[i]);
        y0 = std::min(y0, series.y[i]);
        y1 = std::max(y1, series.y[i]);
      }
    }
    if (chart_.x.whole && x0 == x1) {
      x0 -= 1;
      x1 += 1;
    }
    x_ = make_scale(x0, x1, chart_.x.logarithmic, 0.02);
    y_ = make_scale(y0, y1, chart_.y.logarithmic, 0.06);
  }

  Ticks ticks(const Axis& axis, const Scale& scale, double most) const {
    const int count = std::max(static_cast<int>(most), 2);
    return axis.logarithmic ? log_ticks(scale.low, scale.high, count)
                            : linear_ticks(scale.low, scale.high, count, axis.whole);
  }

  TextStyle style(AlignX x, AlignY y) const {
    return {.size = metrics_.text, .colour = kFaintInk, .align_x = x, .align_y = y};
  }

  // The space that the text around the data needs decides where the data goes.
  void lay_out(int legend_rows) {
    const double text = metrics_.text;
    const double gap = metrics_.gap;
    const double top = (chart_.title.empty() ? 0 : 1.5 * metrics_.title) +
                       kLegendLine * text * legend_rows + 0.5 * gap;
    const double bottom = 1.2 * text + gap + (chart_.x.label.empty() ? 0 : 1.6 * text);
    inner_.y = area_.y + top;
    inner_.height = area_.height - top - bottom;
    y_ticks_ = ticks(chart_.y, y_, inner_.height / (2.6 * text));
    double widest = 0;
    for (const std::string& label : y_ticks_.labels) {
      widest = std::max(widest, text_width(label, {.size = text}));
    }
    const double left = widest + gap + (chart_.y.label.empty() ? 0 : 1.7 * text);
    inner_.x = std::round(area_.x + left);
    inner_.width = area_.right() - text - inner_.x;
    // Labels along x need room for their own width.
    x_ticks_ = ticks(chart_.x, x_, inner_.width / (3.6 * text));
  }

  // Title and legend stand above the data, so that they never hide any.
  void draw_heading() {
    const double text = metrics_.text;
    double y = area_.y + 0.7 * metrics_.title;
    if (!chart_.title.empty()) {
      const TextStyle title = {.size = metrics_.title, .bold = true};
      draw_text(canvas_, {inner_.x, y}, fit_text(chart_.title, area_.right() - inner_.x, title),
                title);
      y += 1.6 * text;
    }
    for (size_t i = 0; i < chart_.series.size(); ++i) {
      const std::string& name = chart_.series[i].name;
      if (name.empty()) continue;
      const double x = inner_.x + legend_.places[i].x;
      const double base = y + kLegendLine * text * legend_.places[i].y;
      const double middle = std::floor(base - 0.5 * cap_height({.size = text})) + 0.5;
      const double end = x + Legend::swatch(chart_, metrics_);
      const Polyline sample = {{x, middle}, {end, middle}};
      draw_line(canvas_, std::span(&sample, 1), line_style(i), 1.3 * metrics_.line);
      // A whole line needs no marker to be told apart; on others it stands beside the first gap.
      if (i >= kPlainSeries) {
        draw_marker(canvas_, {x + 0.7 * (end - x), middle}, line_style(i), 1.3 * metrics_.line);
      }
      const TextStyle label = {.size = text};
      const double begin = end + metrics_.gap;
      draw_text(canvas_, {begin, base}, fit_middle(name, area_.right() - begin, label), label);
    }
  }

  Point place(double x, double y) const {
    return {inner_.x + x_.at(x) * inner_.width, inner_.bottom() - y_.at(y) * inner_.height};
  }

  void draw_grid() {
    const double text = metrics_.text;
    for (size_t i = 0; i < y_ticks_.at.size(); ++i) {
      const double y = std::floor(place(x_.high, y_ticks_.at[i]).y);
      canvas_.fill({inner_.x, y, inner_.width, 1}, kGridLine);
      draw_text(canvas_, {inner_.x - metrics_.gap, y}, y_ticks_.labels[i],
                style(AlignX::kRight, AlignY::kMiddle));
    }
    const double bottom = std::floor(inner_.bottom());
    for (size_t i = 0; i < x_ticks_.at.size(); ++i) {
      const double x = std::floor(place(x_ticks_.at[i], y_.high).x);
      canvas_.fill({x, inner_.y, 1, inner_.height}, kGridLine);
      canvas_.fill({x, bottom, 1, std::round(0.35 * text)}, kFrameLine);
      draw_text(canvas_, {x, bottom + metrics_.gap + 0.2 * text}, x_ticks_.labels[i],
                style(AlignX::kCentre, AlignY::kTop));
    }
    canvas_.fill({inner_.x, bottom, inner_.width, std::max(1.0, std::round(text / 16))},
                 kFrameLine);
  }

  void draw_labels() {
    const double text = metrics_.text;
    const Point centre = inner_.centre();
    TextStyle label = {.size = text, .align_x = AlignX::kCentre};
    const double room = 2 * (area_.right() - centre.x);
    draw_text(canvas_, {centre.x, area_.bottom() - 0.35 * text},
              fit_text(chart_.x.label, room, label), label);
    label.degrees = 90;
    draw_text(canvas_, {area_.x + 0.8 * text, centre.y},
              fit_text(chart_.y.label, inner_.height, label), label);
  }

  void draw_series(size_t index) {
    const Series& series = chart_.series[index];
    std::vector<Polyline> pieces(1);
    size_t points = 0;
    for (size_t i = 0; i < series.x.size(); ++i) {
      if (shown(chart_, series.x[i], series.y[i])) {
        pieces.back().push_back(place(series.x[i], series.y[i]));
        ++points;
      } else if (!pieces.back().empty()) {
        pieces.emplace_back();
      }
    }
    const LineStyle style = line_style(index);
    draw_line(canvas_, pieces, style, metrics_.line);
    const bool sparse = points > kMostDots;
    for (const Polyline& piece : pieces) {
      if (sparse && piece.size() > 1 && index < kPlainSeries) continue;
      const size_t stride = sparse ? std::max<size_t>(points / kSparseDots, 1) : 1;
      for (size_t i = 0; i < piece.size(); i += stride) {
        draw_marker(canvas_, piece[i], style, metrics_.line);
      }
    }
  }

  Canvas& canvas_;
  const Chart& chart_;
  Rect area_;
  Metrics metrics_;
  bool any_ = false;  // there is something to show
  Scale x_;
  Scale y_;
  Rect inner_;  // of the data
  Ticks x_ticks_;
  Ticks y_ticks_;
  const Legend& legend_;
};

void check_series(const Chart& chart) {
  for (const Series& series : chart.series) {
    if (series.x.size() != series.y.size()) {
      throw ShapeError(fmt::format("[draw_charts] series '{}' has {} x and {} y", series.name,
                                   series.x.size(), series.y.size()));
    }
    for (const double x : series.x) {
      if (!std::isfinite(x)) {
        throw ShapeError(fmt::format("[draw_charts] series '{}' has an x of {}", series.name, x));
      }
    }
  }
}

}  // namespace

Image draw_charts(std::span<const Chart> charts, int64_t width, int64_t height) {
  const auto count = static_cast<int64_t>(charts.size());
  if (count < 1 || width < kLeastWidth * count || height < kLeastHeight) {
    throw ShapeError(fmt::format("[draw_charts] {} charts do not fit into {} x {} pixels", count,
                                 width, height));
  }
  for (const Chart& chart : charts) check_series(chart);
  const double margin = std::round(0.03 * static_cast<double>(height));
  const double share = (static_cast<double>(width) - margin) / static_cast<double>(count);
  Rect area = {margin, margin, share - margin, static_cast<double>(height) - 2 * margin};
  const Metrics metrics(area);
  std::vector<Legend> legends;
  int legend_rows = 0;
  for (const Chart& chart : charts) {
    legends.emplace_back(chart, area.width, metrics);
    legend_rows = std::max(legend_rows, legends.back().rows);
  }
  area.height += std::ceil(std::max(legend_rows - kLegendRows, 0) * kLegendLine * metrics.text);
  Canvas canvas(width, static_cast<int64_t>(area.height + 2 * margin));
  for (size_t i = 0; i < charts.size(); ++i) {
    area.x = margin + static_cast<double>(i) * share;
    Plot(canvas, area, charts[i], metrics, legends[i]).draw(legend_rows);
  }
  return canvas.image();
}

}  // namespace vitrine
