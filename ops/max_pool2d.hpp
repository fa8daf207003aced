#pragma once

#include <vector>

#include "core/tensor.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// Largest pixel under a window, channel by channel: y[b, i, j, c] = max over (u, v) of
/// x[b, i s + u d - top, j s + v d - left, c]. What is outside of the image does not take part, as
/// if it were -inf. Of equal pixels the first in row-major order gets the gradient; a NaN wins over
/// everything before it.
///   x         (B, H, W, C)
///   window    each padding at most half of its extent
///   ceil_mode a last window may hang over the end, if it begins within the image or the padding
///             before it
///   returns   (B, H', W', C), sizes as for conv2d; differentiable
/// Exact. Throws ShapeError, and UsageError as places() and pool_grid() do.
Tensor max_pool2d(const Tensor& x, const Window& window, bool ceil_mode = false);

/// Max pooling over windows that cut the image into `size` parts: part i of m over n pixels is
/// [floor(i n / m), ceil((i + 1) n / m)).
Tensor adaptive_max_pool2d(const Tensor& x, Size2d size);

/// A maximum and where it was.
struct MaxPool2d {
  Tensor y;
  std::vector<int32_t> indices;  ///< h W + w of the pixel that won, in the order of y
};
/// max_pool2d and adaptive_max_pool2d with PyTorch's return_indices.
MaxPool2d max_pool2d_with_indices(const Tensor& x, const Window& window, bool ceil_mode = false);
MaxPool2d adaptive_max_pool2d_with_indices(const Tensor& x, Size2d size);

}  // namespace vitrine
