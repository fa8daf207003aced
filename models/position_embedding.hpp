#pragma once

#include "core/tensor.hpp"
#include "models/position_resampling.hpp"
#include "models/vit_config.hpp"

namespace vitrine {

/// Fixed sine-cosine embedding of a grid: (1, grid_h * grid_w, width), width a multiple of 4.
///   kSinCosMoco   frequencies 10000^(-k / (width/4 - 1)); sin and cos of x, then of y
///                 (MoCo v3, big_vision's posemb_sincos_2d)
///   kSinCosMae    frequencies 10000^(-k / (width/4)); sin and cos of x, then of y (MAE)
Tensor sincos_position_embedding(Position kind, int64_t grid_h, int64_t grid_w, int64_t width);

/// The embedding (1, prefix + old_h * old_w, D) for another grid: prefix tokens are copied, the
/// grid is resampled along both axes.
Tensor resample_position_embedding(
    const Tensor& embedding, int64_t prefix, int64_t old_h, int64_t old_w, int64_t new_h,
    int64_t new_w, PositionResampling method = PositionResampling::kBicubicAntialias);

}  // namespace vitrine
