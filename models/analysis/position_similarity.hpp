#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// Cosine similarity of every pair of rows: of the position embeddings of patches in figure 7
/// (centre) of the ViT paper, where a tile is one row of the result seen as a grid.
///   embedding  (P, D)
///   returns    (P, P) in [-1, 1], symmetric; 0 where a row has no direction (all zeros)
/// Throws ShapeError unless `embedding` has two axes.
Tensor position_similarity(const Tensor& embedding);

}  // namespace vitrine
