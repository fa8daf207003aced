#include "ops/images/affine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkPixels = 1 << 10;  // some tens of microseconds

/// The grid of neighbours of a point: kTaps x kTaps pixels, the point between the middle ones.
template <int kTaps>
struct Neighbours {
  std::array<int64_t, kTaps> columns;  // offsets within a row
  std::array<const uint8_t*, kTaps> rows;
  double dx, dy;  // from the pixel before the point, 0 to 1

  Neighbours(const ImageView& image, double x, double y) {
    const double left = std::floor(x);
    const double top = std::floor(y);
    dx = x - left;
    dy = y - top;
    for (int t = 0; t < kTaps; ++t) {
      const auto at = [&](double first, int64_t side) {
        return std::clamp<int64_t>(static_cast<int64_t>(first) + t - (kTaps / 2 - 1), 0, side - 1);
      };
      const auto i = static_cast<size_t>(t);
      columns[i] = at(left, image.width) * image.channels;
      rows[i] = image.pixels + at(top, image.height) * image.pitch;
    }
  }
};

/// The value at `d` between the two middle points.
double interpolate(const std::array<double, 2>& v, double d) { return v[0] + (v[1] - v[0]) * d; }
double interpolate(const std::array<double, 4>& v, double d) {
  const double p2 = -v[0] + v[2];
  const double p3 = 2 * (v[0] - v[1]) + v[2] - v[3];
  const double p4 = -v[0] + v[1] - v[2] + v[3];
  return v[1] + d * (p2 + d * (p3 + d * p4));
}

template <int kTaps>
uint8_t value_at(const Neighbours<kTaps>& n, int channel) {
  std::array<double, kTaps> column;
  for (size_t r = 0; r < kTaps; ++r) {
    std::array<double, kTaps> row;
    for (size_t c = 0; c < kTaps; ++c) row[c] = n.rows[r][n.columns[c] + channel];
    column[r] = interpolate(row, n.dx);
  }
  return static_cast<uint8_t>(std::clamp(interpolate(column, n.dy), 0.0, 255.0));
}

template <int kTaps>
void map_row(const ImageView& image, const AffineMap& m, int64_t y, std::span<const uint8_t> fill,
             uint8_t* to) {
  const double yc = static_cast<double>(y) + 0.5;
  for (int64_t x = 0; x < image.width; ++x, to += image.channels) {
    const double xc = static_cast<double>(x) + 0.5;
    const double u = m.a * xc + m.b * yc + m.c;
    const double v = m.d * xc + m.e * yc + m.f;
    // Written so that NaN counts as outside.
    if (!(u >= 0 && u < static_cast<double>(image.width) && v >= 0 &&
          v < static_cast<double>(image.height))) {
      std::ranges::copy(fill, to);
      continue;
    }
    const Neighbours<kTaps> neighbours(image, u - 0.5, v - 0.5);
    for (int c = 0; c < image.channels; ++c) to[c] = value_at(neighbours, c);
  }
}

/// Python's round(v, 15): to the decimal number, then to the nearest double.
double round_15(double v) { return std::strtod(fmt::format("{:.15f}", v).c_str(), nullptr); }

/// The same pixels in reverse order, or turned by 90 degrees counter-clockwise (width == height).
template <class From>
Image rearranged(const ImageView& image, const From& from) {
  Image result{image.width, image.height, image.channels, {}};
  result.pixels.reserve(static_cast<size_t>(image.width * image.height * image.channels));
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      const auto [u, v] = from(x, y);
      const uint8_t* pixel = image.pixels + v * image.pitch + u * image.channels;
      result.pixels.insert(result.pixels.end(), pixel, pixel + image.channels);
    }
  }
  return result;
}

}  // namespace

Image affine(const ImageView& image, const AffineMap& map, ResizeFilter filter,
             std::span<const uint8_t> fill) {
  if (image.pixels == nullptr || image.width < 1 || image.height < 1 ||
      std::ssize(fill) != image.channels) {
    throw ShapeError(
        fmt::format("[affine] image {} x {} of {} channels wants as many of fill, got {}",
                    image.width, image.height, image.channels, fill.size()));
  }
  if (filter != ResizeFilter::kBilinear && filter != ResizeFilter::kBicubic) {
    throw UsageError(fmt::format("[affine] filter must be bilinear or bicubic, got {}",
                                 resize_filter_name(filter)));
  }
  Image result{image.width, image.height, image.channels, {}};
  const int64_t pitch = image.width * image.channels;
  result.pixels.resize(static_cast<size_t>(pitch * image.height));
  const auto row = filter == ResizeFilter::kBilinear ? map_row<2> : map_row<4>;
  const int64_t grain = std::max<int64_t>(kChunkPixels / image.width, 1);
  parallel_for(image.height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y)
      row(image, map, y, fill, result.pixels.data() + y * pitch);
  });
  return result;
}

Image rotate(const ImageView& image, double degrees, ResizeFilter filter,
             std::span<const uint8_t> fill) {
  double turn = std::fmod(degrees, 360.0);
  if (turn < 0) turn += 360.0;
  const int64_t right = image.width - 1;
  const int64_t bottom = image.height - 1;
  using Point = std::pair<int64_t, int64_t>;
  if (turn == 0) return rearranged(image, [](int64_t x, int64_t y) { return Point(x, y); });
  if (turn == 180) {
    return rearranged(image, [&](int64_t x, int64_t y) { return Point(right - x, bottom - y); });
  }
  if (turn == 90 && right == bottom) {
    return rearranged(image, [&](int64_t x, int64_t y) { return Point(right - y, x); });
  }
  if (turn == 270 && right == bottom) {
    return rearranged(image, [&](int64_t x, int64_t y) { return Point(y, bottom - x); });
  }
  const double angle = -(turn * (std::numbers::pi / 180.0));
  const double cosine = round_15(std::cos(angle));
  const double sine = round_15(std::sin(angle));
  const double x = static_cast<double>(image.width) / 2;
  const double y = static_cast<double>(image.height) / 2;
  const AffineMap map{.a = cosine,
                      .b = sine,
                      .c = cosine * -x + sine * -y + x,
                      .d = -sine,
                      .e = cosine,
                      .f = -sine * -x + cosine * -y + y};
  return affine(image, map, filter, fill);
}

}  // namespace vitrine
