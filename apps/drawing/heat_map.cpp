#include "apps/drawing/heat_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/drawing/colormap.hpp"
#include "core/error.hpp"
#include "core/images/luma.hpp"
#include "ops/images/resize.hpp"

namespace vitrine {
namespace {

// How much of the heat map's colour covers the picture: the same everywhere, so that a colour means
// the same on all of it.
constexpr double kHeat = 0.6;
// A picture whose bright parts are darker than that is brightened until they are not, but not so
// far that noise is all there is.
constexpr double kBright = 200;
constexpr double kBrightShare = 0.99;  // of the pixels are at most as bright as "bright parts"
constexpr double kMostGain = 12;
// What is left of the picture where nothing is attended to, so that one sees what was ignored.
constexpr double kDarkest = 0.12;

uint8_t to_byte(double v) { return static_cast<uint8_t>(std::lround(std::clamp(v, 0.0, 255.0))); }

// The factor that makes a dark RGB picture visible; 1 for others.
double gain(const Image& picture) {
  std::array<int64_t, 256> histogram{};
  for (size_t i = 0; i < picture.pixels.size(); i += 3) {
    ++histogram[luma(&picture.pixels[i])];
  }
  const double wanted = kBrightShare * static_cast<double>(picture.pixels.size()) / 3;
  double seen = 0;
  size_t bright = 0;
  while (bright < 255 && (seen += static_cast<double>(histogram[bright])) < wanted) ++bright;
  return std::clamp(kBright / std::max(static_cast<double>(bright), 1.0), 1.0, kMostGain);
}

// An RGB picture whose pixels are f(pixel of the picture, its place in the grey one).
template <class F>
Image map_pixels(const Image& picture, const Image& grey, const F& f) {
  VT_CHECK(picture.channels == 3 && grey.channels == 1);
  VT_CHECK(picture.width == grey.width && picture.height == grey.height);
  Image out = picture;
  for (size_t i = 0; i < grey.pixels.size(); ++i) f(&out.pixels[3 * i], grey.pixels[i]);
  return out;
}

void put(uint8_t* pixel, Colour colour) {
  pixel[0] = colour.r;
  pixel[1] = colour.g;
  pixel[2] = colour.b;
}

Colour heat(uint8_t grey) { return sequential_colour(grey / 255.0); }

}  // namespace

Image grey_map(std::span<const float> map, int64_t rows, int64_t columns, double low, double high,
               int64_t width, int64_t height) {
  if (static_cast<int64_t>(map.size()) != rows * columns) {
    throw ShapeError(
        fmt::format("[grey_map] map must be ({}, {}), got {} numbers", rows, columns, map.size()));
  }
  Image small = {columns, rows, 1, std::vector<uint8_t>(map.size())};
  for (size_t i = 0; i < map.size(); ++i) {
    const double share = high > low ? (double{map[i]} - low) / (high - low) : 0.0;
    small.pixels[i] = std::isfinite(share) ? to_byte(255 * share) : uint8_t{0};
  }
  return resize(small, width, height, ResizeFilter::kBicubic);
}

Image heat_map(const Image& grey) {
  const Image black = {grey.width, grey.height, 3, std::vector<uint8_t>(3 * grey.pixels.size())};
  return map_pixels(black, grey, [](uint8_t* p, uint8_t g) { put(p, heat(g)); });
}

Image heat_over_picture(const Image& picture, const Image& grey) {
  return map_pixels(picture, grey, [factor = gain(picture)](uint8_t* p, uint8_t g) {
    const double under = std::min(factor * luma(p), 255.0);
    const Colour c = heat(g);
    const auto mix = [&](uint8_t colour) { return to_byte((1 - kHeat) * under + kHeat * colour); };
    put(p, {mix(c.r), mix(c.g), mix(c.b)});
  });
}

Image masked_picture(const Image& picture, const Image& grey) {
  return map_pixels(picture, grey, [factor = gain(picture)](uint8_t* p, uint8_t g) {
    const double light = factor * (kDarkest + (1 - kDarkest) * g / 255.0);
    put(p, {to_byte(light * p[0]), to_byte(light * p[1]), to_byte(light * p[2])});
  });
}

}  // namespace vitrine
