#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// Group normalisation: y = (x - mean) / sqrt(var + eps) * gamma + beta, with mean and biased
/// variance of each image and group of channels.
///   x       (B, ..., C), channels last; image by image, over all axes in between
///   groups  divides C into so many groups of neighbouring channels
///   gamma   (C), and beta (C); either may be undefined for 1 or 0
///   eps     added to the variance; ResNetV2 uses 1e-5
///   relu    max(0, .) as the last step
///   residual as x, or undefined: added before the ReLU, at the end of a residual block
///   returns (B, ..., C); differentiable in x, gamma, beta and residual
/// Error: below 4e-6 (1 + |mean| / deviation) relative to the group's largest |y|. Throws
/// ShapeError.
/// Source: Wu, He 2018, arXiv 1803.08494, eq. 1 to 7.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& gamma, const Tensor& beta,
                  float eps, bool relu = false, const Tensor& residual = {});

}  // namespace vitrine
