#pragma once

#include <span>
#include <string>

#include "core/images/image.hpp"
#include "core/tensor.hpp"

namespace vitrine {

struct RolloutPicture {
  Image picture;        ///< what the network saw
  Tensor map;           ///< (grid_height, grid_width), from models/analysis/attention_rollout.hpp
  std::string caption;  ///< below the picture; may be empty
};

/// Figure 6 of the ViT paper for several pictures: each as it is, the attention that reaches its
/// patches, all on one scale (apps/figures/attention_scale.hpp) with its colours beside them and
/// the largest value of each below it, and the picture with what gets less than twice an even share
/// darkened.
///   tokens  N, over which the attention is spread
/// Throws ShapeError if there is no picture, or if a picture or map has no pixels.
Image draw_attention_rollout(std::span<const RolloutPicture> pictures, int64_t tokens);

}  // namespace vitrine
