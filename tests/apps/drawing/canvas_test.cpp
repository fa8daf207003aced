// Canvas and text: exact pixels where edges lie on pixels, coverage where they do not, nothing
// outside, and the layout of text. Not here: whether letters are beautiful.

#include "apps/drawing/canvas.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "apps/drawing/text.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr Colour kBlack = {0, 0, 0};
constexpr Colour kRed = {255, 0, 0};

int64_t count_ink(const Canvas& canvas) {
  int64_t count = 0;
  for (int64_t y = 0; y < canvas.height(); ++y) {
    for (int64_t x = 0; x < canvas.width(); ++x) count += canvas.at(x, y) != kWhite ? 1 : 0;
  }
  return count;
}

// The smallest rectangle that holds everything that is not white.
struct Extent {
  int64_t left = std::numeric_limits<int64_t>::max();
  int64_t top = std::numeric_limits<int64_t>::max();
  int64_t right = -1;
  int64_t bottom = -1;

  explicit Extent(const Canvas& canvas) {
    for (int64_t y = 0; y < canvas.height(); ++y) {
      for (int64_t x = 0; x < canvas.width(); ++x) {
        if (canvas.at(x, y) == kWhite) continue;
        left = std::min(left, x);
        right = std::max(right, x);
        top = std::min(top, y);
        bottom = std::max(bottom, y);
      }
    }
  }
};

TEST_CASE("canvas: a rectangle on whole pixels fills exactly those", "[apps]") {
  Canvas canvas(10, 8);
  canvas.fill({2, 3, 4, 2}, kRed);
  for (int64_t y = 0; y < 8; ++y) {
    for (int64_t x = 0; x < 10; ++x) {
      const bool inside = x >= 2 && x < 6 && y >= 3 && y < 5;
      CHECK(canvas.at(x, y) == (inside ? kRed : kWhite));
    }
  }
}

TEST_CASE("canvas: parts of pixels are blended by their share", "[apps]") {
  Canvas canvas(6, 6);
  canvas.fill({1.5, 1.25, 2, 2}, kBlack);
  CHECK(canvas.at(2, 2) == kBlack);
  CHECK(canvas.at(1, 2) == Colour{128, 128, 128});
  CHECK(canvas.at(3, 2) == Colour{128, 128, 128});
  CHECK(canvas.at(2, 1) == Colour{64, 64, 64});     // three quarters
  CHECK(canvas.at(2, 3) == Colour{191, 191, 191});  // a quarter
  Canvas faint(2, 2);
  faint.fill({0, 0, 2, 2}, kBlack, 0.2);
  CHECK(faint.at(1, 1) == Colour{204, 204, 204});
}

TEST_CASE("canvas: what lies outside is cut off", "[apps]") {
  Canvas canvas(8, 8);
  canvas.fill({-5, -5, 7, 7}, kRed);
  CHECK(count_ink(canvas) == 4);
  canvas.fill({100, 100, 5, 5}, kRed);
  canvas.fill({3, 3, -2, 5}, kRed);
  canvas.disc({-50, 4}, 3, kRed);
  canvas.line({-1e12, 6.5}, {1e12, 6.5}, kRed);
  CHECK(count_ink(canvas) == 4 + 8);
  CHECK(canvas.at(7, 6) == kRed);
  draw_text(canvas, {-500, 4}, "far away", {});
  draw_text(canvas, {4, 900}, "far away", {});
  CHECK(count_ink(canvas) == 12);
}

TEST_CASE("canvas: a line covers its width and ends round", "[apps]") {
  Canvas canvas(20, 9);
  canvas.line({4, 4.5}, {14, 4.5}, kBlack, 3);
  for (const int64_t x : {5, 9, 13}) {
    CHECK(canvas.at(x, 2) == kWhite);
    for (const int64_t y : {3, 4, 5}) CHECK(canvas.at(x, y) == kBlack);
    CHECK(canvas.at(x, 6) == kWhite);
  }
  CHECK(canvas.at(2, 4) != kWhite);
  CHECK(canvas.at(2, 3).r > canvas.at(2, 4).r);  // the end is round
  Canvas thin(5, 5);
  thin.line({0, 2.5}, {5, 2.5}, kBlack, 0.5);  // thinner than a pixel: fainter
  CHECK(thin.at(2, 2) == Colour{128, 128, 128});
}

TEST_CASE("canvas: crossing lines of one stroke are not blended twice", "[apps]") {
  Canvas canvas(11, 11);
  const std::array<Polyline, 2> cross = {{{{0, 5.5}, {11, 5.5}}, {{5.5, 0}, {5.5, 11}}}};
  canvas.stroke(cross, kBlack, 1, 0.5);
  CHECK(canvas.at(5, 5) == canvas.at(1, 5));
  CHECK(canvas.at(5, 5) == Colour{128, 128, 128});
  CHECK_THROWS_AS(canvas.line({0, std::nan("")}, {1, 1}, kBlack), ShapeError);
}

TEST_CASE("canvas: pictures of one and three channels are copied in place", "[apps]") {
  Canvas canvas(4, 3);
  canvas.draw({2, 2, 1, {10, 20, 30, 40}}, 3, -1);
  CHECK(canvas.at(3, 0) == Colour{30, 30, 30});
  canvas.draw({1, 1, 3, {1, 2, 3}}, 0, 2);
  CHECK(canvas.at(0, 2) == Colour{1, 2, 3});
  CHECK(count_ink(canvas) == 2);
}

TEST_CASE("canvas: impossible sizes are refused", "[apps][errors]") {
  CHECK_THROWS_AS(Canvas(0, 5), ShapeError);
  CHECK_THROWS_AS(Canvas(5, -1), ShapeError);
  CHECK_THROWS_AS(Canvas(int64_t{1} << 20, int64_t{1} << 20), ShapeError);
  CHECK_THROWS_AS(Canvas(int64_t{1} << 40, int64_t{1} << 40), ShapeError);
}

TEST_CASE("text: every printable character leaves its own ink", "[apps]") {
  std::vector<std::vector<uint8_t>> seen;
  for (char c = '!'; c <= '~'; ++c) {
    Canvas canvas(40, 60);
    draw_text(canvas, {10, 40}, std::string(1, c), {.size = 30});
    CHECK(count_ink(canvas) > 0);
    CHECK(std::ranges::find(seen, canvas.image().pixels) == seen.end());
    seen.push_back(canvas.image().pixels);
  }
}

TEST_CASE("text: the measured width is that of the ink", "[apps]") {
  const std::string text = GENERATE("Hill", "loss 0.25", "MNH");
  for (const double size : {12.0, 20.0, 41.0}) {
    Canvas canvas(500, 80);
    const TextStyle style = {.size = size};
    draw_text(canvas, {20, 60}, text, style);
    const Extent ink(canvas);
    CHECK(std::abs(static_cast<double>(ink.right - ink.left + 1) - text_width(text, style)) <
          0.12 * size + 2);
    CHECK(std::abs(static_cast<double>(60 - ink.top) - cap_height(style)) < 0.1 * size + 2);
  }
  CHECK(text_width("", {}) == 0);
  CHECK(text_width("iiii", {}) < text_width("mmmm", {}));
  CHECK(text_width("1111", {}) == text_width("8888", {}));  // numbers stand in columns
}

TEST_CASE("text: alignment and turning move the same letters", "[apps]") {
  const auto ink = [](const TextStyle& style) {
    Canvas canvas(200, 200);
    draw_text(canvas, {100, 100}, "Height", style);
    return Extent(canvas);
  };
  const Extent left = ink({});
  CHECK(left.left >= 98);
  CHECK(left.bottom <= 100 + 8);
  const Extent right = ink({.align_x = AlignX::kRight});
  CHECK(right.right <= 102);
  CHECK(right.right - right.left <= left.right - left.left + 1);
  const Extent centre = ink({.align_x = AlignX::kCentre, .align_y = AlignY::kMiddle});
  CHECK(std::abs(centre.left + centre.right - 200) <= 4);
  const Extent top = ink({.align_y = AlignY::kTop});
  CHECK(std::abs(top.top - 100) <= 2);
  const Extent turned = ink({.degrees = 90});
  CHECK(turned.bottom <= 102);  // reads upwards from its place
  CHECK(std::abs((turned.bottom - turned.top) - (left.right - left.left)) <= 2);
}

TEST_CASE("text: a text is shortened to what fits", "[apps]") {
  const TextStyle style = {.size = 16};
  CHECK(fit_text("Ankle boot", 500, style) == "Ankle boot");
  const std::string shortened = fit_text("Ankle boot", 60, style);
  CHECK(shortened == "Ankle\u2026");
  CHECK(text_width(shortened, style) <= 60);
  CHECK(fit_text("Ankle boot", 2, style).empty());
  CHECK(fit_text("", 0, style).empty());
}

TEST_CASE("text: bytes that are not UTF-8 become boxes, one each", "[apps]") {
  const TextStyle style;
  const double box = text_width("\u4e2d", style);
  CHECK(box > 0);
  CHECK(text_width("\xff", style) == box);
  CHECK(text_width("\xe4\xb8", style) == text_width("\u4e2d\u4e2d", style));
  CHECK(text_width("\xc3", style) == box);
  CHECK(text_width("a\x80z", style) == text_width("a\u4e2dz", style));
  Canvas canvas(50, 50);
  draw_text(canvas, {5, 40}, "\xf0\x9f\x98", style);
  CHECK(count_ink(canvas) > 0);
}

}  // namespace
}  // namespace vitrine
