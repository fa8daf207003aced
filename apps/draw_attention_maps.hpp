#pragma once

#include <string>

#include "core/image.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// A picture and, laid over it, where each head looks: one panel for the mean of all heads and one
/// per head, each from 0 to its own largest value, which is written below.
///   picture  what the network saw
///   maps     (H, grid_height, grid_width), from models/attention_map.hpp
///   title    one line; may be empty
/// Throws ShapeError if a picture or map has no pixels.
Image draw_attention_maps(const Image& picture, const Tensor& maps, const std::string& title);

}  // namespace vitrine
