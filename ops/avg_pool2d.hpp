#pragma once

#include <optional>

#include "core/tensor.hpp"
#include "ops/window.hpp"

namespace vitrine {

struct AvgPool2dOptions {
  bool ceil_mode = false;            ///< see max_pool2d
  bool count_include_pad = true;     ///< whether padding counts, as zeros
  std::optional<int64_t> divisor{};  ///< instead of the number of pixels
};

/// Mean of the pixels under a window, channel by channel.
///   x       (B, H, W, C)
///   window  with a dilation of 1, each padding at most half of the kernel
///   returns (B, H', W', C), sizes as for conv2d; differentiable
/// Error below 1e-7 (4 + h + w) times the mean of |x| for windows of h by w. Throws ShapeError,
/// and UsageError for a dilation or divisor it does not know, and as places() does.
Tensor avg_pool2d(const Tensor& x, const Window& window, const AvgPool2dOptions& options = {});

/// Average pooling over windows that cut the image into `size` parts, see adaptive_max_pool2d. (The
/// mean of whole images is also mean(x, {1, 2}).)
Tensor adaptive_avg_pool2d(const Tensor& x, Size2d size);

}  // namespace vitrine
