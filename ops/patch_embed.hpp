#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// Patch embedding: cuts images into patches that do not overlap and maps each to a vector, which
/// is a convolution whose stride is its kernel:
///   y[b, i w + j] = sum over (u, v, c) of x[b, i p + u, j q + v, c] weight[:, c, u, v] + bias
///   x       (B, H, W, C), H >= p and W >= q; what is left at the bottom and right is not used
///   weight  (D, C, p, q), as PyTorch stores it
///   bias    (D), or undefined
///   returns (B, N, D), N = (H / p) (W / q), in row-major order of the patches; differentiable in
///           x, weight and bias
/// Error: that of a product over p q C. Throws ShapeError.
/// Source: Dosovitskiy et al. 2021, arXiv 2010.11929, eq. 1.
Tensor patch_embed(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace vitrine
