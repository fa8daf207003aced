#pragma once

#include <span>

#include "core/tensor.hpp"
#include "models/networks/token_layout.hpp"

namespace vitrine {

/// Attention rollout: how much of each patch reaches what the head reads, through all blocks. In
/// each block the heads are averaged, the identity is added for the residual connection, and rows
/// are scaled to sum 1; the matrices are multiplied, the last block's from the left.
///   attention  per block, first to last: (H, N, N) probabilities of one picture; H may differ
///   returns    (grid_height, grid_width)
/// Throws ShapeError if there is no block or the layout does not have N tokens.
/// Source: Abnar and Zuidema 2020, https://arxiv.org/abs/2005.00928; figures 6 and 14 and appendix
/// D.8 of the ViT paper.
Tensor attention_rollout(std::span<const Tensor> attention, const TokenLayout& layout);

}  // namespace vitrine
