#pragma once

#include "core/tensor.hpp"
#include "models/networks/token_layout.hpp"

namespace vitrine {

/// How much of each patch goes into what the head reads, per head: the class token's row of the
/// attention (the mean row of the patches if the head reads their mean).
///   attention  (H, N, N) probabilities of one picture in one block, as a Probe reports them
///   returns    (H, grid_height, grid_width); what goes to other tokens is left out, so the sum
///   over
///              a head is at most 1
/// Throws ShapeError if the layout does not have N tokens.
Tensor attention_map(const Tensor& attention, const TokenLayout& layout);

}  // namespace vitrine
