#pragma once

#include <cstdint>
#include <string_view>

namespace vitrine {

// Windows that move over images: what convolution and pooling have in common.

struct Size2d {
  int64_t h = 1, w = 1;
  bool operator==(const Size2d&) const = default;
};

struct Padding2d {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Padding2d&) const = default;
};

/// How a window of `kernel` elements, `dilation` pixels apart, moves over padded images.
struct Window {
  Size2d kernel;
  Size2d stride{1, 1};
  Size2d dilation{1, 1};
  Padding2d padding{};
};

/// The padding that TensorFlow calls SAME, for images of `image` pixels: ceil(image / stride)
/// places, and where it is odd the larger half at the bottom and right. Throws UsageError as
/// places does.
Padding2d same_padding(std::string_view op, Size2d image, const Window& window);

/// The number of places of a window in images of `image` pixels. With `ceil`, PyTorch's ceil_mode,
/// a last window may hang over the end, if it begins within the image or the padding before it.
/// With `op` in its text, throws UsageError if a stride or dilation is below 1, a padding negative,
/// or any of them above 2^30; ShapeError if a kernel size is, or if no window fits.
Size2d places(std::string_view op, Size2d image, const Window& window, bool ceil = false);

}  // namespace vitrine
