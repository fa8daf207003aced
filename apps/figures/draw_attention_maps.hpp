#pragma once

#include <string>

#include "core/images/image.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// A picture and, laid over it, where each head looks: one panel for the mean of all heads and one
/// per head, all on one scale (apps/figures/attention_scale.hpp), with its colours beside them and
/// the largest value of each below it.
///   picture  what the network saw
///   maps     (H, grid_height, grid_width), from models/analysis/attention_map.hpp
///   tokens   N, over which the attention is spread
///   title    one line; may be empty
/// Throws ShapeError if a picture or map has no pixels.
Image draw_attention_maps(const Image& picture, const Tensor& maps, int64_t tokens,
                          const std::string& title);

}  // namespace vitrine
