#pragma once

#include "core/tape.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// Layer normalisation over the last axis: y = (x - mean) / sqrt(var + eps) * gamma + beta, with
/// the biased variance of each row.
///   x       (..., D)
///   gamma   (D), and beta (D); both undefined for 1 and 0
///   eps     added to the variance; ViT uses 1e-6
///   returns (..., D); differentiable in x, gamma and beta
/// Error: below 4e-6 (1 + |mean| / deviation) relative to the row's largest |y|. Throws ShapeError.
/// Source: Ba, Kiros, Hinton 2016, arXiv 1607.06450, eq. 3 and 4.
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, float eps);

/// What the forward pass leaves for the backward pass, each one number per row of x.
struct LayerNormStatistics {
  Tensor mean;
  Tensor rstd;  ///< 1 / sqrt(var + eps)
};

struct LayerNormGradients {
  Tensor dx;      ///< (..., D)
  Tensor dgamma;  ///< (D)
  Tensor dbeta;   ///< (D)
};

/// Gradients of layer_norm; needs[0] is x, needs[1] gamma, needs[2] beta. What is not needed stays
/// undefined.
LayerNormGradients layer_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gamma,
                                       const LayerNormStatistics& statistics, Needs needs);

}  // namespace vitrine
