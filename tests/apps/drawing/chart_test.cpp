// Charts: marks of axes, and where the ink is, with one point, constant, missing and broken data.

#include "apps/drawing/chart.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "apps/drawing/line_style.hpp"
#include "apps/drawing/ticks.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Labels = std::vector<std::string>;

TEST_CASE("ticks: steps of 1, 2 and 5, labels as short as they can be", "[apps]") {
  CHECK(linear_ticks(0, 1, 5).labels == Labels{"0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(linear_ticks(0, 10, 5).labels == Labels{"0", "2", "4", "6", "8", "10"});
  CHECK(linear_ticks(0.3, 2.4, 4).labels == Labels{"1", "2"});
  CHECK(linear_ticks(-1, 1, 4).labels == Labels{"\u22121.0", "\u22120.5", "0", "0.5", "1.0"});
  CHECK(linear_ticks(0, 60000, 3).labels == Labels{"0", "20k", "40k", "60k"});
  CHECK(linear_ticks(92.2, 93.8, 4).labels == Labels{"92.5", "93.0", "93.5"});
  CHECK(linear_ticks(0, 3e-5, 3).labels == Labels{"0", "1e\u22125", "2e\u22125", "3e\u22125"});
  CHECK(linear_ticks(1, 3, 9, true).labels == Labels{"1", "2", "3"});
}

TEST_CASE("ticks: a limit that is a multiple but for rounding has a mark", "[apps]") {
  CHECK(linear_ticks(0.1 + 0.2, 0.9, 3).at.front() == Approx(0.4));
  CHECK(linear_ticks(0, 0.1 * 3, 3).labels == Labels{"0", "0.1", "0.2", "0.3"});
  for (const double v : linear_ticks(-0.4, 0.4, 8).at) CHECK(!(v == 0 && std::signbit(v)));
}

TEST_CASE("ticks: axes of square roots", "[apps]") {
  CHECK(root_ticks(100, 5).labels == Labels{"0", "5", "20", "50", "100"});
  CHECK(root_ticks(1, 2).labels == Labels{"0", "1"});
  for (const double high : {0.003, 1.0, 7.3, 250.0}) {
    for (const int most : {2, 5, 9}) {
      const std::vector<double> at = root_ticks(high, most).at;
      REQUIRE(at.size() >= 2);
      CHECK(at.front() == 0);
      CHECK(at.back() <= high);
      for (size_t i = 1; i < at.size(); ++i) {
        CHECK(std::sqrt(at[i] / high) - std::sqrt(at[i - 1] / high) >= 1.0 / most - 1e-9);
      }
    }
  }
}

TEST_CASE("ticks: logarithmic axes", "[apps]") {
  CHECK(log_ticks(1e-4, 1, 5).labels == Labels{"1e\u22124", "0.001", "0.01", "0.1", "1"});
  CHECK(log_ticks(0.1, 1, 6).labels == Labels{"0.1", "0.2", "0.5", "1"});
  CHECK(log_ticks(0.6, 0.9, 4).at == linear_ticks(0.6, 0.9, 4).at);
  CHECK(log_ticks(1e-12, 1, 4).at.size() <= 4);
}

// Pixels that have clearly the colour of the first or the second series.
int64_t count_series(const Image& image, size_t series) {
  int64_t count = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    const int r = image.pixels[i];
    const int b = image.pixels[i + 2];
    count += (series == 0 ? b - r : r - b) > 100 ? 1 : 0;
  }
  return count;
}

Image draw(const Chart& chart) { return draw_charts(std::span(&chart, 1), 400, 300); }

Chart loss_chart(std::vector<double> y) {
  std::vector<double> x(y.size());
  std::iota(x.begin(), x.end(), 1.0);
  return {"Loss", {"epoch", false, true}, {"loss"}, {{"train", x, std::move(y)}}};
}

TEST_CASE("chart: the same data gives the same picture, of the size asked for", "[apps]") {
  const Chart chart = loss_chart({2.3, 1.2, 0.8, 0.6});
  const Image image = draw(chart);
  CHECK(image.width == 400);
  CHECK(image.height == 300);
  CHECK(image.channels == 3);
  CHECK(image.pixels == draw(chart).pixels);
  CHECK(image.pixels != draw(loss_chart({2.3, 1.2, 0.8, 0.7})).pixels);
}

TEST_CASE("chart: a falling curve falls and stays inside", "[apps]") {
  const Image image = draw(loss_chart({2, 1.5, 1, 0.5, 0}));
  // Below the legend: the first and the last row and column of the curve.
  int64_t first_x = 400;
  int64_t last_x = 0;
  int64_t first_y = 0;
  int64_t last_y = 0;
  for (int64_t x = 0; x < 400; ++x) {
    for (int64_t y = 60; y < 300; ++y) {
      const uint8_t* p = &image.pixels[static_cast<size_t>(3 * (y * 400 + x))];
      if (p[2] - p[0] <= 100) continue;
      if (x < first_x) first_y = y;
      first_x = std::min(first_x, x);
      if (x > last_x) last_y = y;
      last_x = std::max(last_x, x);
    }
  }
  CHECK(first_x > 25);  // right of the numbers
  CHECK(first_x < 80);
  CHECK(last_x > 350);
  CHECK(last_x < 398);
  CHECK(first_y < 110);
  CHECK(last_y > 200);
  CHECK(last_y < 270);
}

TEST_CASE("chart: one point, constant and missing values are drawn", "[apps]") {
  const int64_t empty = count_series(draw(loss_chart({})), 0);  // the legend alone
  const int64_t one = count_series(draw(loss_chart({0.5})), 0);
  const int64_t constant = count_series(draw(loss_chart({0.5, 0.5, 0.5})), 0);
  CHECK(one > empty);
  CHECK(constant > one + 100);
  const int64_t gap = count_series(draw(loss_chart({0.5, kNaN, 0.5})), 0);
  CHECK(gap > one);
  CHECK(gap < constant);
  CHECK(count_series(draw(loss_chart({kNaN, HUGE_VAL, -HUGE_VAL})), 0) == empty);
  CHECK(count_series(draw(loss_chart({0, 0})), 0) > empty);
  CHECK(count_series(draw(loss_chart({1e300, -1e300})), 0) > empty);
  CHECK(count_series(draw(loss_chart({5e-324, 0})), 0) > empty);
  CHECK(count_series(draw(loss_chart({1, std::nextafter(1, 2)})), 0) > empty);
  CHECK(draw(Chart{}).width == 400);
}

TEST_CASE("chart: a logarithmic axis leaves out what is not positive", "[apps]") {
  Chart chart = loss_chart({1, 0.1, 0, -1, 0.001});
  chart.y.logarithmic = true;
  const Image image = draw(chart);
  CHECK(count_series(image, 0) > 0);
  chart.series[0].y = {0, -1, kNaN, 0, 0};
  CHECK(draw(chart).width == 400);
}

TEST_CASE("chart: several series and several charts side by side", "[apps]") {
  Chart chart = loss_chart({2, 1, 0.5});
  chart.series.push_back({"validation", {1, 2, 3}, {2.2, 1.4, 1.1}});
  const std::vector<Chart> two = {chart, loss_chart({1, 2, 3})};
  const Image image = draw_charts(two, 900, 320);
  CHECK(count_series(image, 0) > 0);
  CHECK(count_series(image, 1) > 0);
}

TEST_CASE("chart: long texts do not leave the picture", "[apps]") {
  Chart chart = loss_chart({2, 1, 0.5});
  chart.title = std::string(300, 'W');
  chart.x.label = chart.y.label = std::string(300, 'M');
  chart.series[0].name = std::string(300, 'Q');
  const Image image = draw(chart);
  for (int64_t y = 0; y < 300; ++y) {
    CHECK(image.pixels[static_cast<size_t>(3 * (y * 400 + 399))] == 255);
  }
}

TEST_CASE("chart: every curve has a style of its own", "[apps]") {
  for (size_t i = 0; i < kLineStyles; ++i) {
    for (size_t j = 0; j < i; ++j) CHECK_FALSE(line_style(i) == line_style(j));
  }
  // Not by dashes and markers alone: twelve colours.
  for (size_t i = 0; i < 12; ++i) {
    for (size_t j = 0; j < i; ++j) CHECK_FALSE(line_style(i).colour == line_style(j).colour);
  }
  CHECK(line_style(0).dashes.empty());
  CHECK_FALSE(line_style(6).dashes.empty());
  CHECK(line_style(6).marker != line_style(0).marker);
  CHECK(line_style(1000).colour == line_style(1000 % kLineStyles).colour);
}

int64_t coloured(const Canvas& canvas, Colour colour) {
  int64_t count = 0;
  for (int64_t y = 0; y < canvas.height(); ++y) {
    for (int64_t x = 0; x < canvas.width(); ++x) count += canvas.at(x, y) == colour ? 1 : 0;
  }
  return count;
}

TEST_CASE("chart: dashes leave gaps, also over many short pieces", "[apps]") {
  Polyline whole = {{10, 10}, {290, 10}};
  Polyline pieces;
  for (int x = 10; x <= 290; ++x) pieces.push_back({static_cast<double>(x), 10});
  const auto drawn = [](const Polyline& line, size_t style) {
    Canvas canvas(300, 20);
    draw_line(canvas, std::span(&line, 1), line_style(style), 4);
    return coloured(canvas, line_style(style).colour);
  };
  for (const size_t style : {size_t{6}, size_t{12}, size_t{18}}) {
    CHECK(10 * drawn(whole, style) < 9 * drawn(whole, 0));
    CHECK(5 * drawn(whole, style) > drawn(whole, 0));
    CHECK(std::abs(drawn(whole, style) - drawn(pieces, style)) < 12);
  }
  const Polyline point = {{10, 10}};
  CHECK(drawn(point, 6) == 0);
}

TEST_CASE("chart: names that take many lines make it higher", "[apps]") {
  Chart chart = loss_chart({2, 1, 0.5});
  chart.series.assign(12, chart.series[0]);
  for (Series& series : chart.series) series.name = std::string(40, 'n');
  const Image image = draw(chart);
  CHECK(image.height > 400);
  CHECK(count_series(image, 0) > 0);
  for (Series& series : chart.series) series.name = "";
  CHECK(draw(chart).height == 300);
}

TEST_CASE("chart: what does not fit together is refused", "[apps][errors]") {
  Chart chart = loss_chart({1, 2});
  chart.series[0].x.pop_back();
  CHECK_THROWS_WITH(draw(chart), "[draw_charts] series 'train' has 1 x and 2 y");
  chart.series[0].x = {1, kNaN};
  CHECK_THROWS_AS(draw(chart), ShapeError);
  CHECK_THROWS_AS(draw_charts({}, 400, 300), ShapeError);
  chart.series[0].x = {1, 2};
  CHECK_THROWS_AS(draw_charts(std::span(&chart, 1), 100, 300), ShapeError);
}

}  // namespace
}  // namespace vitrine
