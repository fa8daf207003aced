#pragma once

#include <cstdint>
#include <span>

#include "core/tensor.hpp"

namespace vitrine {

/// Most channels of an image that is normalised.
inline constexpr int64_t kMaxNormalizeChannels = 4;

/// 8-bit pixels to what a network reads: y = (v / 255 - mean[c]) / stddev[c], every step rounded to
/// float32, which gives the bits of torchvision's ToTensor and Normalize on every ISA.
///   pixels        (B, H, W, C) = shape, C at most kMaxNormalizeChannels
///   mean, stddev  (C)
///   returns       (B, H, W, C); not differentiable
/// Throws ShapeError.
Tensor normalize_u8(std::span<const uint8_t> pixels, const Shape& shape,
                    std::span<const float> mean, std::span<const float> stddev);

/// normalize_u8 into memory that is there; `to` has as many floats as there are pixels times
/// channels. Runs on the calling thread.
void normalize_u8_into(std::span<const uint8_t> pixels, std::span<const float> mean,
                       std::span<const float> stddev, std::span<float> to);

}  // namespace vitrine
