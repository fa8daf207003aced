// Colour maps: lightness, ends, and what is outside.

#include "apps/drawing/colormap.hpp"

#include <catch2/catch.hpp>

#include <cmath>

namespace vitrine {
namespace {

// Roughly what a grey copy shows.
double luma(Colour c) { return 0.299 * c.r + 0.587 * c.g + 0.114 * c.b; }

TEST_CASE("colormap: the sequential map gets lighter at every step", "[apps]") {
  double before = -1;
  for (int i = 0; i <= 40; ++i) {
    const double now = luma(sequential_colour(i / 40.0));
    CHECK(now > before);
    before = now;
  }
  CHECK(luma(sequential_colour(0)) < 40);
  CHECK(luma(sequential_colour(1)) > 200);
}

TEST_CASE("colormap: the diverging map is near white at 0 and equally dark on both sides",
          "[apps]") {
  CHECK(luma(diverging_colour(0)) > 240);
  for (const double t : {0.2, 0.5, 1.0}) {
    const Colour below = diverging_colour(-t);
    const Colour above = diverging_colour(t);
    CHECK(below.b > below.r);
    CHECK(above.r > above.b);
    CHECK(std::abs(luma(below) - luma(above)) < 16);
  }
}

TEST_CASE("colormap: numbers outside are clamped, no number is grey", "[apps]") {
  CHECK(sequential_colour(-3) == sequential_colour(0));
  CHECK(sequential_colour(HUGE_VAL) == sequential_colour(1));
  CHECK(diverging_colour(-HUGE_VAL) == diverging_colour(-1));
  const Colour none = sequential_colour(std::nan(""));
  CHECK(none == diverging_colour(std::nan("")));
  CHECK(none.r == none.g);
  CHECK(none.g == none.b);
}

TEST_CASE("colormap: ink can be read on every colour", "[apps]") {
  for (int i = 0; i <= 20; ++i) {
    for (const Colour c : {sequential_colour(i / 20.0), diverging_colour(i / 10.0 - 1)}) {
      CHECK(std::abs(luma(ink_on(c)) - luma(c)) > 90);
    }
  }
}

}  // namespace
}  // namespace vitrine
