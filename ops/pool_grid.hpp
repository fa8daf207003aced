#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/parallel.hpp"
#include "core/reused.hpp"
#include "core/shape.hpp"
#include "ops/kernels/pool2d.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// The windows of a pooling along one axis of an image.
struct PoolAxis {
  /// What one window sees: pixels first, first + step, ... that lie within the image.
  struct Span {
    int64_t first, count;
    int64_t extent;  ///< pixels of image and padding
  };
  /// A window that sees a pixel, as its pixel `tap`.
  struct Seen {
    int64_t place, tap;
  };

  int64_t size = 0;  ///< of the image
  int64_t step = 1;
  ReusedVector<Span> spans;

  int64_t places() const { return static_cast<int64_t>(spans.size()); }
  const Span& operator[](int64_t place) const { return spans[static_cast<size_t>(place)]; }
  /// For every pixel of the image, the windows that see it, in order.
  std::vector<std::vector<Seen>> seen() const;
};

/// The windows of a pooling over (B, H, W, C).
struct PoolGrid {
  PoolAxis h, w;

  /// The result of pooling images of shape `x`.
  Shape pooled(const Shape& x) const { return {x[0], h.places(), w.places(), x[3]}; }
  /// Window (i, j) in images of `channels`.
  kernels::PoolWindow window(int64_t i, int64_t j, int64_t channels) const {
    return {h[i].count, w[j].count, h.step * w.size * channels, w.step * channels};
  }

  /// Calls f(i, j, offset of the window's first pixel in x, offset of its result in y) for every
  /// window of images of shape `x`, in parallel.
  template <class F>
  void for_each_window(const Shape& x, const F& f) const {
    const int64_t channels = x[3];
    const int64_t image = h.size * w.size * channels;
    parallel_for(x[0] * h.places(), lines_per_chunk(w.places() * channels),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t line = begin; line < end; ++line) {
                     const int64_t i = line % h.places();
                     for (int64_t j = 0; j < w.places(); ++j) {
                       const int64_t pixel = h[i].first * w.size + w[j].first;
                       f(i, j, line / h.places() * image + pixel * channels,
                         (line * w.places() + j) * channels);
                     }
                   }
                 });
  }

  /// Calls f(i, j, number of the pixel within window (i, j), offset of the window's result in y,
  /// offset of the pixel in x) for every pixel and every window that sees it: the windows of a
  /// pixel in order, on one thread, so that it may add up what they tell.
  template <class F>
  void for_each_seen(const Shape& x, const F& f) const {
    const auto seen_h = h.seen();
    const auto seen_w = w.seen();
    parallel_for(x[0] * h.size, lines_per_chunk(w.size * x[3]), [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const int64_t image = line / h.size * h.places();
        for (const auto [i, u] : seen_h[static_cast<size_t>(line % h.size)]) {
          for (int64_t column = 0; column < w.size; ++column) {
            for (const auto [j, v] : seen_w[static_cast<size_t>(column)]) {
              f(i, j, u * w[j].count + v, ((image + i) * w.places() + j) * x[3],
                (line * w.size + column) * x[3]);
            }
          }
        }
      }
    });
  }

 private:
  static int64_t lines_per_chunk(int64_t floats) {
    constexpr int64_t kChunkElements = 1 << 14;  // some microseconds
    return kChunkElements / (floats < 1 ? 1 : floats) + 1;
  }
};

/// Windows of one size. Throws what places() does, ShapeError if a side of the image is above 2^20,
/// and UsageError if a padding is more than half of the window, which could then see nothing.
PoolGrid pool_grid(std::string_view op, Size2d image, const Window& window, bool ceil);

/// PyTorch's adaptive windows: window i of m over n pixels is [floor(i n / m), ceil((i + 1) n /
/// m)). Throws ShapeError unless sides are at most 2^20, those of the result not negative and those
/// of the image at least 1.
PoolGrid adaptive_pool_grid(std::string_view op, Size2d image, Size2d size);

}  // namespace vitrine
