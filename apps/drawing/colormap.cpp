// Both maps are curves through Oklab (B. Ottosson 2020, https://bottosson.github.io/posts/oklab), a
// space in which equal distances look about equally far apart: lightness L, and colourfulness and
// hue as a radius and an angle around grey. The curves keep inside what a screen can show.

#include "apps/drawing/colormap.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/images/luma.hpp"

namespace vitrine {
namespace {

constexpr Colour kNotANumber = {214, 214, 214};
constexpr int kSteps = 256;  // as fine as 8-bit colours are

uint8_t to_byte(double linear) {
  const double v = std::clamp(linear, 0.0, 1.0);
  const double encoded = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
  return static_cast<uint8_t>(std::lround(255 * encoded));
}

Colour from_oklab(double lightness, double colourfulness, double hue_degrees) {
  const double hue = hue_degrees * std::numbers::pi / 180;
  const double a = colourfulness * std::cos(hue);
  const double b = colourfulness * std::sin(hue);
  const auto cube = [](double v) { return v * v * v; };
  const double l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
  const double m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
  const double s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b);
  return {to_byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          to_byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          to_byte(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

double mix(double from, double to, double t) { return from + t * (to - from); }

Colour sequential(double t) {
  const double hue = mix(305, 103, t);
  // A screen shows little colour in between, at blue-green.
  const double colourfulness = 0.13 - 0.042 * std::sin(std::numbers::pi * t) + 0.04 * t * t;
  return from_oklab(mix(0.25, 0.92, t), colourfulness, hue);
}

Colour diverging(double t) {
  const double strength = std::abs(t);
  return from_oklab(mix(0.97, 0.42, strength), 0.16 * std::pow(strength, 0.8), t < 0 ? 258 : 24);
}

// Entry of a table over [0, 1].
const Colour& entry(const std::array<Colour, kSteps>& table, double t) {
  const double at = std::clamp(t, 0.0, 1.0) * (kSteps - 1);
  return table[static_cast<size_t>(std::lround(at))];
}

template <class F>
std::array<Colour, kSteps> tabulate(const F& colour_at) {
  std::array<Colour, kSteps> table{};
  for (int i = 0; i < kSteps; ++i) {
    table[static_cast<size_t>(i)] = colour_at(static_cast<double>(i) / (kSteps - 1));
  }
  return table;
}

}  // namespace

Colour sequential_colour(double t) {
  static const auto table = tabulate(sequential);
  return std::isnan(t) ? kNotANumber : entry(table, t);
}

Colour diverging_colour(double t) {
  static const auto below = tabulate([](double v) { return diverging(-v); });
  static const auto above = tabulate(diverging);
  if (std::isnan(t)) return kNotANumber;
  return t < 0 ? entry(below, -t) : entry(above, t);
}

Colour ink_on(Colour background) {
  const std::array rgb = {background.r, background.g, background.b};
  return luma(rgb.data()) > 140 ? kInk : kWhite;
}

}  // namespace vitrine
