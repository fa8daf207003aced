#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// Root-mean-square normalisation over the last axis: y = x / sqrt(mean(x^2) + eps) * gamma.
///   x       (..., D)
///   gamma   (D), or undefined for 1
///   returns (..., D); differentiable in x and gamma
/// Error: below 2e-6 relative to the row's largest |y|. Throws ShapeError.
/// Source: Zhang, Sennrich 2019, arXiv 1910.07467, eq. 4.
Tensor rms_norm(const Tensor& x, const Tensor& gamma, float eps);

}  // namespace vitrine
