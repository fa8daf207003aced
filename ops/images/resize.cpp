#include "ops/images/resize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/reused.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/resize.hpp"

namespace vitrine {
namespace {

// Rows of a strip that is turned on its side have at most so many bytes: a few vectors, and a strip
// of a photograph stays in L2.
constexpr int64_t kStripBytes = 192;
// Rows of a strip are padded to this multiple of every ISA's vector of pixels.
constexpr int64_t kWholeVectors = 16;
// Weights that are held at once, 4 MiB of them: only extreme reductions need more, and go in parts.
constexpr int64_t kMaxWeights = int64_t{1} << 20;
// Bytes that a chunk of rows writes, so that handing it out costs nothing.
constexpr int64_t kChunkBytes = 1 << 14;

constexpr std::array<std::pair<ResizeFilter, std::string_view>, 6> kNames = {
    {{ResizeFilter::kNearest, "nearest"},
     {ResizeFilter::kBox, "box"},
     {ResizeFilter::kBilinear, "bilinear"},
     {ResizeFilter::kHamming, "hamming"},
     {ResizeFilter::kBicubic, "bicubic"},
     {ResizeFilter::kLanczos, "lanczos"}}};

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double support_of(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::kNearest:
      return 0;
    case ResizeFilter::kBox:
      return 0.5;
    case ResizeFilter::kBilinear:
    case ResizeFilter::kHamming:
      return 1;
    case ResizeFilter::kBicubic:
      return 2;
    case ResizeFilter::kLanczos:
      return 3;
  }
  return 0;
}

double filter_at(ResizeFilter filter, double signed_x) {
  const double x = std::abs(signed_x);
  switch (filter) {
    case ResizeFilter::kNearest:
      break;
    case ResizeFilter::kBox:  // a pixel on the border belongs to one side only
      return signed_x > -0.5 && signed_x <= 0.5 ? 1 : 0;
    case ResizeFilter::kBilinear:
      return x < 1 ? 1 - x : 0;
    case ResizeFilter::kHamming:
      return x < 1 ? sinc(x) * (0.54 + 0.46 * std::cos(x * std::numbers::pi)) : 0;
    case ResizeFilter::kBicubic: {
      constexpr double kA = -0.5;
      if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * kA : 0;
    }
    case ResizeFilter::kLanczos:
      return signed_x >= -3 && signed_x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

/// One axis of a resize: `from` pixels become `to`.
struct Axis {
  int64_t from, to;
  ResizeFilter filter;
  double scale = static_cast<double>(from) / static_cast<double>(to);
  double stretch = std::max(scale, 1.0);  // of the filter, against aliasing
  double support = support_of(filter) * stretch;

  bool changes() const { return from != to; }
  int64_t max_taps() const { return static_cast<int64_t>(std::ceil(support)) * 2 + 1; }

  struct Taps {
    int64_t begin, end;  // pixels that contribute
    double center;
  };
  Taps taps(int64_t i) const {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    // Towards zero, as Pillow does it.
    // NOLINTBEGIN(bugprone-incorrect-roundings)
    return {std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0),
            std::min(static_cast<int64_t>(center + support + 0.5), from), center};
    // NOLINTEND(bugprone-incorrect-roundings)
  }
};

/// The weights of the results [begin, end) of an axis.
class Weights {
 public:
  Weights(const Axis& axis, int64_t begin, int64_t end) : begin_(begin), stride_(axis.max_taps()) {
    fixed_.resize(static_cast<size_t>((end - begin) * stride_));
    taps_.reserve(static_cast<size_t>(end - begin));
    ReusedVector<double> exact(static_cast<size_t>(stride_));
    for (int64_t i = begin; i < end; ++i) {
      const Axis::Taps taps = axis.taps(i);
      taps_.push_back(taps);
      double sum = 0;
      for (int64_t x = taps.begin; x < taps.end; ++x) {
        const double at = (static_cast<double>(x) - taps.center + 0.5) * (1.0 / axis.stretch);
        const double w = filter_at(axis.filter, at);
        exact[static_cast<size_t>(x - taps.begin)] = w;
        sum += w;
      }
      int32_t* to = fixed_.data() + (i - begin) * stride_;
      for (int64_t t = 0; t < taps.end - taps.begin; ++t) {
        double w = exact[static_cast<size_t>(t)];
        if (sum != 0) w /= sum;
        w *= 1 << kernels::kResizeBits;
        to[t] = static_cast<int32_t>(w < 0 ? w - 0.5 : w + 0.5);
      }
    }
  }

  int64_t first_pixel() const { return taps_.front().begin; }
  int64_t last_pixel() const { return taps_.back().end; }

  /// Result i from rows `pitch` bytes apart, of which `rows` is row `origin`.
  void blend(int64_t i, int64_t n, const uint8_t* rows, int64_t origin, int64_t pitch,
             uint8_t* to) const {
    const Axis::Taps& taps = taps_[static_cast<size_t>(i - begin_)];
    kernels::active().resize->blend_rows(n, taps.end - taps.begin,
                                         fixed_.data() + (i - begin_) * stride_,
                                         rows + (taps.begin - origin) * pitch, pitch, to);
  }

 private:
  int64_t begin_;
  int64_t stride_;
  ReusedVector<Axis::Taps> taps_;
  ReusedVector<int32_t> fixed_;
};

/// Calls f(weights, begin, end) for parts of the results [begin, end) whose weights fit the limit.
template <class F>
void for_weights(const Axis& axis, int64_t begin, int64_t end, const F& f) {
  const int64_t part = std::max<int64_t>(kMaxWeights / axis.max_taps(), 1);
  for (int64_t at = begin; at < end; at += part) {
    const int64_t stop = std::min(at + part, end);
    f(Weights(axis, at, stop), at, stop);
  }
}

/// Rows [begin, end) of the image resized along its height. Row 0 of `image` is row `origin` of the
/// axis.
void vertical_pass(const ImageView& image, int64_t origin, const Axis& axis, int64_t begin,
                   int64_t end, uint8_t* to, int64_t to_pitch) {
  const int64_t n = image.width * image.channels;
  for_weights(axis, begin, end, [&](const Weights& weights, int64_t first, int64_t last) {
    parallel_for(last - first, std::max<int64_t>(kChunkBytes / n, 1), [&](int64_t a, int64_t b) {
      for (int64_t i = first + a; i < first + b; ++i) {
        weights.blend(i, n, image.pixels, origin, image.pitch, to + (i - begin) * to_pitch);
      }
    });
  });
}

/// Turns `rows` rows of `width` pixels on their side: to[x][row] = from[row][x].
template <int kChannels>
void turn(int64_t rows, int64_t width, const uint8_t* from, int64_t from_pitch, uint8_t* to,
          int64_t to_pitch) {
  for (int64_t r = 0; r < rows; ++r, from += from_pitch, to += kChannels) {
    for (int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < kChannels; ++c) to[x * to_pitch + c] = from[x * kChannels + c];
    }
  }
}

void turn(int channels, int64_t rows, int64_t width, const uint8_t* from, int64_t from_pitch,
          uint8_t* to, int64_t to_pitch) {
  return channels == 1 ? turn<1>(rows, width, from, from_pitch, to, to_pitch)
                       : turn<3>(rows, width, from, from_pitch, to, to_pitch);
}

/// Columns [begin, end) of the image resized along its width. Column 0 of `image` is column
/// `origin` of the axis. Strips of rows are turned, so that this is a weighted sum of rows too.
void horizontal_pass(const ImageView& image, int64_t origin, const Axis& axis, int64_t begin,
                     int64_t end, uint8_t* to, int64_t to_pitch) {
  const int channels = image.channels;
  for_weights(axis, begin, end, [&](const Weights& weights, int64_t first, int64_t last) {
    const int64_t left = weights.first_pixel();
    const int64_t width = weights.last_pixel() - left;
    parallel_for(image.height, kStripBytes / channels, [&](int64_t top, int64_t bottom) {
      const int64_t rows = bottom - top;
      const int64_t n = (rows * channels + kWholeVectors - 1) / kWholeVectors * kWholeVectors;
      ReusedVector<uint8_t> turned(static_cast<size_t>(width * n));
      ReusedVector<uint8_t> result(static_cast<size_t>((last - first) * n));
      turn(channels, rows, width, image.part(left - origin, top, width, rows).pixels, image.pitch,
           turned.data(), n);
      for (int64_t i = first; i < last; ++i) {
        weights.blend(i, n, turned.data(), left, n, result.data() + (i - first) * n);
      }
      turn(channels, last - first, rows, result.data(), n,
           to + top * to_pitch + (first - begin) * channels, to_pitch);
    });
  });
}

/// The pixel under the centre of result i of an axis. Pillow adds the scale up result by result;
/// multiplying would round differently.
ReusedVector<int64_t> nearest_pixels(const Axis& axis, int64_t begin, int64_t end) {
  ReusedVector<int64_t> pixels;
  double at = axis.scale * 0.5;
  for (int64_t i = 0; i < end; ++i, at += axis.scale) {
    if (i >= begin) pixels.push_back(std::min(static_cast<int64_t>(at), axis.from - 1));
  }
  return pixels;
}

struct Window {
  int64_t left, top, width, height;
  int64_t right() const { return left + width; }
  int64_t bottom() const { return top + height; }
};

void resize_nearest(const ImageView& image, const Axis& x, const Axis& y, const Window& window,
                    uint8_t* to, int64_t to_pitch) {
  const ReusedVector<int64_t> columns = nearest_pixels(x, window.left, window.right());
  for (const int64_t row : nearest_pixels(y, window.top, window.bottom())) {
    const uint8_t* from = image.pixels + row * image.pitch;
    uint8_t* out = to;
    for (const int64_t column : columns) {
      out = std::copy_n(from + column * image.channels, image.channels, out);
    }
    to += to_pitch;
  }
}

void copy_rows(const ImageView& image, uint8_t* to, int64_t to_pitch) {
  for (int64_t row = 0; row < image.height; ++row) {
    std::copy_n(image.pixels + row * image.pitch, image.width * image.channels,
                to + row * to_pitch);
  }
}

/// Two passes; the first one makes no more than the second one reads.
void resize_twice(const ImageView& image, const Axis& x, const Axis& y, const Window& window,
                  uint8_t* to, int64_t to_pitch) {
  const int channels = image.channels;
  if (y.to < y.from && y.from - y.to > 2 * (x.from - x.to)) {
    const int64_t begin = x.taps(window.left).begin;
    const int64_t end = x.taps(window.right() - 1).end;
    const int64_t pitch = (end - begin) * channels;
    ReusedVector<uint8_t> between(static_cast<size_t>(window.height * pitch));
    vertical_pass(image.part(begin, 0, end - begin, image.height), 0, y, window.top,
                  window.bottom(), between.data(), pitch);
    horizontal_pass({between.data(), end - begin, window.height, channels}, begin, x, window.left,
                    window.right(), to, to_pitch);
    return;
  }
  const int64_t begin = y.taps(window.top).begin;
  const int64_t end = y.taps(window.bottom() - 1).end;
  const int64_t pitch = window.width * channels;
  ReusedVector<uint8_t> between(static_cast<size_t>((end - begin) * pitch));
  horizontal_pass(image.part(0, begin, image.width, end - begin), 0, x, window.left, window.right(),
                  between.data(), pitch);
  vertical_pass({between.data(), window.width, end - begin, channels}, begin, y, window.top,
                window.bottom(), to, to_pitch);
}

void check_sizes(const ImageView& image, int64_t width, int64_t height, const Window& window) {
  if (image.pixels == nullptr || image.width < 1 || image.height < 1 ||
      (image.channels != 1 && image.channels != 3)) {
    throw ShapeError(
        fmt::format("[resize] image must have pixels of 1 or 3 channels, got {} x {} of {}",
                    image.width, image.height, image.channels));
  }
  if (std::min(width, height) < 1 || std::max(width, height) > kMaxImageSide) {
    throw ShapeError(fmt::format("[resize] width and height must be 1 to {}, got {} x {}",
                                 kMaxImageSide, width, height));
  }
  if (window.left < 0 || window.top < 0 || window.width < 1 || window.height < 1 ||
      window.width > width - window.left || window.height > height - window.top) {
    throw ShapeError(fmt::format("[resize] the window {} x {} at ({}, {}) must lie inside {} x {}",
                                 window.width, window.height, window.left, window.top, width,
                                 height));
  }
}

}  // namespace

std::string_view resize_filter_name(ResizeFilter filter) {
  for (const auto& [value, name] : kNames) {
    if (value == filter) return name;
  }
  return "";
}

ResizeFilter resize_filter(std::string_view name) {
  std::string known;
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", text);
  }
  throw UsageError(fmt::format("unknown interpolation '{}'; known are {}", name, known));
}

Image resize(const ImageView& image, int64_t width, int64_t height, ResizeFilter filter) {
  check_sizes(image, width, height, {0, 0, width, height});
  Image result{width, height, image.channels, {}};
  result.pixels.resize(static_cast<size_t>(width * height * image.channels));
  resize_window(image, width, height, filter, 0, 0, width, height, result.pixels.data(),
                width * image.channels);
  return result;
}

void resize_window(const ImageView& image, int64_t width, int64_t height, ResizeFilter filter,
                   int64_t left, int64_t top, int64_t window_width, int64_t window_height,
                   uint8_t* to, int64_t to_pitch) {
  const Window window{left, top, window_width, window_height};
  check_sizes(image, width, height, window);
  const Axis x{image.width, width, filter};
  const Axis y{image.height, height, filter};
  if (!x.changes() && !y.changes()) {
    copy_rows(image.part(left, top, window_width, window_height), to, to_pitch);
  } else if (filter == ResizeFilter::kNearest) {
    resize_nearest(image, x, y, window, to, to_pitch);
  } else if (!y.changes()) {
    horizontal_pass(image.part(0, top, image.width, window_height), 0, x, left, window.right(), to,
                    to_pitch);
  } else if (!x.changes()) {
    vertical_pass(image.part(left, 0, window_width, image.height), 0, y, top, window.bottom(), to,
                  to_pitch);
  } else {
    resize_twice(image, x, y, window, to, to_pitch);
  }
}

}  // namespace vitrine
