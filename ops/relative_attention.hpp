#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// Attention probabilities with one-dimensional relative positions: extra logits from the same
/// queries, with an embedding of the offset between query and key in the place of the key:
///   P_ij = softmax_j(scale (q_i . k_j + q_i . e(j - i))),    e(o) = offsets row o + N - 1
///   q, k     (B, H, N, hd)
///   offsets  (2 N - 1, hd): the embeddings of the offsets -(N - 1) to N - 1, for all heads
///   returns  (B, H, N, N), whose rows sum to 1; its product with the values is the attention.
///            Differentiable in q, k and offsets
/// The N x N matrix is stored, and one of (2 N - 1) x N on the way. Error: that of the matrix
/// products and the softmax that it is made of. Throws ShapeError.
/// Source: Dosovitskiy et al. 2020, arXiv 2010.11929, appendix D.4; the rows are moved into place
/// as in Huang et al. 2018, arXiv 1809.04281, section 3.4.1.
Tensor relative_attention_probabilities(const Tensor& q, const Tensor& k, const Tensor& offsets,
                                        float scale);

}  // namespace vitrine
