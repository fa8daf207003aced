#pragma once

#include <span>
#include <string>

#include "core/image.hpp"
#include "core/tensor.hpp"

namespace vitrine {

struct RolloutPicture {
  Image picture;        ///< what the network saw
  Tensor map;           ///< (grid_height, grid_width), from models/attention_rollout.hpp
  std::string caption;  ///< below the picture; may be empty
};

/// Figure 6 of the ViT paper for several pictures: each as it is, the attention that reaches its
/// patches (from the least to the most in that picture), and the picture with the rest darkened.
/// Throws ShapeError if there is no picture, or if a picture or map has no pixels.
Image draw_attention_rollout(std::span<const RolloutPicture> pictures);

}  // namespace vitrine
