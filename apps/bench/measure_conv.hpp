#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/bench/take_turns.hpp"

namespace vitrine {

/// A convolution of `batch` images (H, W, C) with square kernels, the same padding on all sides.
struct ConvShape {
  std::string what;  ///< where a network has it
  int64_t height, width;
  int64_t in, out;  ///< channels
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t padding = 1;
  int64_t groups = 1;
  int64_t batch = 1;

  /// Multiply-adds for all images; those with the zeros of the padding count too.
  int64_t macs() const;
};

/// For one image: the convolutions of ResNet-50 at 224 pixels, and the patch embedding of ViT-B/16.
std::vector<ConvShape> default_conv_shapes();

/// Times one shape for about `seconds`: "forward" with frozen weights, and with `backward` also
/// "gradient of input" and "gradient of weight". Throws ShapeError if the shape is impossible.
Turns measure_conv(const ConvShape& shape, bool backward, double seconds);

}  // namespace vitrine
