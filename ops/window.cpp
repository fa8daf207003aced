#include "ops/window.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

// Products of two such numbers, and sums of those, stay far from the end of int64_t.
constexpr int64_t kLargest = int64_t{1} << 30;

bool within(int64_t least, Size2d size) {
  return std::min(size.h, size.w) >= least && std::max(size.h, size.w) <= kLargest;
}

/// Places along one axis.
int64_t places_along(std::string_view op, int64_t image, int64_t kernel, int64_t stride,
                     int64_t dilation, int64_t before, int64_t after, bool ceil) {
  const int64_t extent = (kernel - 1) * dilation + 1;
  const int64_t free = image + before + after - extent;
  if (free < 0) {
    throw ShapeError(
        fmt::format("[{}] a window of {} pixels does not fit into {} with {} of padding", op,
                    extent, image, before + after));
  }
  if (!ceil) return free / stride + 1;
  const int64_t count = ceil_div(free, stride) + 1;
  return (count - 1) * stride >= image + before ? count - 1 : count;
}

int64_t same_total(int64_t image, int64_t kernel, int64_t stride, int64_t dilation) {
  const int64_t last = ceil_div(image, stride) - 1;
  return std::max<int64_t>(last * stride + (kernel - 1) * dilation + 1 - image, 0);
}

void check_window(std::string_view op, const Window& window) {
  const auto& [kernel, stride, dilation, padding] = window;
  if (!within(1, kernel) || !within(1, stride) || !within(1, dilation)) {
    const std::string text = fmt::format(
        "[{}] kernel ({}, {}), stride ({}, {}) and dilation ({}, {}) must be from 1 to {}", op,
        kernel.h, kernel.w, stride.h, stride.w, dilation.h, dilation.w, kLargest);
    if (!within(1, kernel)) throw ShapeError(text);  // a convolution's is in its weight's shape
    throw UsageError(text);
  }
  if (!within(0, {padding.top, padding.bottom}) || !within(0, {padding.left, padding.right})) {
    throw UsageError(fmt::format("[{}] padding ({}, {}, {}, {}) must be from 0 to {}", op,
                                 padding.top, padding.bottom, padding.left, padding.right,
                                 kLargest));
  }
}

}  // namespace

Padding2d same_padding(std::string_view op, Size2d image, const Window& window) {
  check_window(op, window);
  const auto& [kernel, stride, dilation, padding] = window;
  const int64_t h = same_total(image.h, kernel.h, stride.h, dilation.h);
  const int64_t w = same_total(image.w, kernel.w, stride.w, dilation.w);
  return {h / 2, h - h / 2, w / 2, w - w / 2};
}

Size2d places(std::string_view op, Size2d image, const Window& window, bool ceil) {
  check_window(op, window);
  const auto& [kernel, stride, dilation, padding] = window;
  return {
      places_along(op, image.h, kernel.h, stride.h, dilation.h, padding.top, padding.bottom, ceil),
      places_along(op, image.w, kernel.w, stride.w, dilation.w, padding.left, padding.right, ceil)};
}

}  // namespace vitrine
