#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// Squeeze and excitation: y = x sigmoid(fc2 relu(fc1 z + fc1_bias) + fc2_bias), a number for each
/// image and channel, where z is the channel's mean.
///   x        (B, H, W, C)
///   fc1      (R, C, 1, 1), fc1_bias (R)
///   fc2      (C, R, 1, 1), fc2_bias (C); frozen weights are packed once
///   returns  (B, H, W, C); differentiable in all of them
/// Error: that of the means, products and the sigmoid that it is made of. Throws ShapeError.
/// Source: Hu et al. 2017, arXiv 1709.01507, eq. 2 to 4.
Tensor squeeze_excitation(const Tensor& x, const Tensor& fc1, const Tensor& fc1_bias,
                          const Tensor& fc2, const Tensor& fc2_bias);

/// Efficient channel attention: the same with a convolution over the neighbouring channels of z in
/// place of the two products, y = x sigmoid(kernel * z), with zeros beside the first and last.
///   x        (B, H, W, C)
///   kernel   (1, 1, k), k odd
///   returns  (B, H, W, C); differentiable in x and kernel. Throws ShapeError.
/// Source: Wang et al. 2019, arXiv 1910.03151, eq. 5 to 9.
Tensor efficient_channel_attention(const Tensor& x, const Tensor& kernel);

}  // namespace vitrine
