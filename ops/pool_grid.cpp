#include "ops/pool_grid.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

// Sides of images: the windows of an axis are held in memory.
constexpr int64_t kLargest = int64_t{1} << 20;

PoolAxis fixed_axis(int64_t size, int64_t count, int64_t kernel, int64_t stride, int64_t dilation,
                    int64_t before, int64_t after) {
  PoolAxis axis{size, dilation, {}};
  axis.spans.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t start = i * stride - before;
    // Elements before the image are left out, and those behind it.
    const int64_t missing = start < 0 ? ceil_div(-start, dilation) : 0;
    const int64_t first = start + missing * dilation;
    const int64_t fit = std::max<int64_t>(ceil_div(size - first, dilation), 0);
    const int64_t end = std::min(start + (kernel - 1) * dilation + 1, size + after);
    axis.spans.push_back(
        {first, std::min(std::max<int64_t>(kernel - missing, 0), fit), end - start});
  }
  return axis;
}

PoolAxis adaptive_axis(int64_t size, int64_t count) {
  PoolAxis axis{size, 1, {}};
  axis.spans.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = i * size / count;
    const int64_t end = ceil_div((i + 1) * size, count);
    axis.spans.push_back({first, end - first, end - first});
  }
  return axis;
}

void check_sides(std::string_view op, Size2d size, int64_t least) {
  if (std::min(size.h, size.w) >= least && std::max(size.h, size.w) <= kLargest) return;
  throw ShapeError(fmt::format("[{}] sides ({}, {}) must be from {} to {}", op, size.h, size.w,
                               least, kLargest));
}

void check_half(std::string_view op, int64_t kernel, int64_t dilation, int64_t before,
                int64_t after) {
  const int64_t half = ((kernel - 1) * dilation + 1) / 2;
  if (std::max(before, after) > half) {
    throw UsageError(fmt::format("[{}] padding ({}, {}) must be at most half of the window, {}", op,
                                 before, after, half));
  }
}

}  // namespace

std::vector<std::vector<PoolAxis::Seen>> PoolAxis::seen() const {
  std::vector<std::vector<Seen>> by_pixel(static_cast<size_t>(size));
  for (int64_t place = 0; place < places(); ++place) {
    const Span& span = (*this)[place];
    for (int64_t tap = 0; tap < span.count; ++tap) {
      by_pixel[static_cast<size_t>(span.first + tap * step)].push_back({place, tap});
    }
  }
  return by_pixel;
}

PoolGrid pool_grid(std::string_view op, Size2d image, const Window& window, bool ceil) {
  const Size2d count = places(op, image, window, ceil);
  check_sides(op, image, 0);
  const auto& [kernel, stride, dilation, padding] = window;
  check_half(op, kernel.h, dilation.h, padding.top, padding.bottom);
  check_half(op, kernel.w, dilation.w, padding.left, padding.right);
  return {
      fixed_axis(image.h, count.h, kernel.h, stride.h, dilation.h, padding.top, padding.bottom),
      fixed_axis(image.w, count.w, kernel.w, stride.w, dilation.w, padding.left, padding.right)};
}

PoolGrid adaptive_pool_grid(std::string_view op, Size2d image, Size2d size) {
  check_sides(op, size, 0);
  check_sides(op, image, 1);
  return {adaptive_axis(image.h, size.h), adaptive_axis(image.w, size.w)};
}

}  // namespace vitrine
