#pragma once

#include "ops/permute.hpp"

// Golden images are (B, C, H, W), Vitrine's (B, H, W, C).

namespace vitrine::golden {

/// Differentiable, as the reverse is.
inline Tensor to_nhwc(const Tensor& images) { return permute(images, {0, 2, 3, 1}); }
inline Tensor to_nchw(const Tensor& images) { return permute(images, {0, 3, 1, 2}); }

/// (B, C, ...) with any number of axes to (B, ..., C), and back.
inline Tensor channels_last(const Tensor& x) {
  std::vector<int64_t> axes{0};
  for (int64_t i = 2; i < x.rank(); ++i) axes.push_back(i);
  axes.push_back(1);
  return permute(x, axes);
}
inline Tensor channels_first(const Tensor& x) {
  std::vector<int64_t> axes{0, x.rank() - 1};
  for (int64_t i = 1; i + 1 < x.rank(); ++i) axes.push_back(i);
  return permute(x, axes);
}

}  // namespace vitrine::golden
