#pragma once

#include "ops/permute.hpp"

// Golden images are (B, C, H, W), Vitrine's (B, H, W, C).

namespace vitrine::golden {

/// Differentiable.
inline Tensor to_nhwc(const Tensor& images) { return permute(images, {0, 2, 3, 1}); }

}  // namespace vitrine::golden
