#pragma once

#include "core/tape.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// Multi-head self-attention: for each head h, O_h = softmax(scale Q_h K_h^T) V_h. The heads lie
/// side by side in the rows of `qkv` and of the result, and are read and written in place. The
/// N x N scores are never stored.
///   qkv     (B, N, 3 D): each row is q (D), k (D), v (D), and each of these H heads of D / H
///   heads   H; must divide D
///   scale   of the scores; ViT uses default_attention_scale(D / H)
///   bias    undefined, or added to the scaled scores, as the mask below; (H, N, N) for BEiT's
///   returns (B, N, D), heads side by side; differentiable in qkv and bias
/// Error: below 3e-6 relative to the largest |v|, for scores of up to 30 in size; beyond that
/// scores are rounded by 2e-7 of the largest, and probabilities by as much of themselves. Backward
/// has the probabilities of forward. Throws ShapeError. Source: Vaswani et al. 2017, arXiv
/// 1706.03762, eq. 1; by tiles as in Dao et al. 2022, arXiv 2205.14135. The derivation is in
/// ops/attention.md.
Tensor attention(const Tensor& qkv, int64_t heads, float scale, const Tensor& bias = {});
/// With scale = 1 / sqrt(D / heads).
Tensor attention(const Tensor& qkv, int64_t heads);

/// 1 / sqrt(head_dim), eq. 1 of the paper.
float default_attention_scale(int64_t head_dim);

/// Attention of heads that lie one after another, and of sequences of two lengths:
/// softmax(scale q k^T + mask) v.
///   q       (..., N, hd), k (..., M, hd), v (..., M, hd): the leading axes are equal
///   mask    undefined, or added to the scores: (..., N, M), whose leading axes broadcast to those
///           of q, and whose N or M may be 1; -inf hides a key. A row without any key is NaN, as in
///           PyTorch
///   causal  hides key j from query i for j > i, as well
///   returns (..., N, hd); differentiable in q, k, v and mask
/// The gradient of a mask takes the scores of one batch element at a time.
/// Throws ShapeError.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& mask, float scale, bool causal = false);

/// What attention() would multiply V with: (B, H, N, N), every row sums to 1. For those who want to
/// look at it; not differentiable.
Tensor attention_probabilities(const Tensor& qkv, int64_t heads, float scale,
                               const Tensor& bias = {});
/// What scaled_dot_product_attention() would multiply v with: (..., N, M). Not differentiable.
Tensor attention_probabilities(const Tensor& q, const Tensor& k, const Tensor& mask, float scale,
                               bool causal = false);

/// Gradient of attention() in the layout of qkv (B, N, 3 D).
///   y       what attention() returned
///   max_sum (B, H, N, 2): of each row m and l, as kernels::Attention::forward writes them
Tensor attention_backward(const Tensor& dy, const Tensor& qkv, int64_t heads, float scale,
                          const Tensor& y, const Tensor& max_sum, const Tensor& bias = {});

struct AttentionGradients {
  Tensor dq;  ///< (..., N, hd)
  Tensor dk;  ///< (..., M, hd)
  Tensor dv;  ///< (..., M, hd)
};

/// Gradients of scaled_dot_product_attention(); y and max_sum (..., N, 2) are those of the forward
/// pass. needs[0] is q, needs[1] k, needs[2] v. What is not needed stays undefined.
AttentionGradients scaled_dot_product_attention_backward(const Tensor& dy, const Tensor& q,
                                                         const Tensor& k, const Tensor& v,
                                                         const Tensor& mask, float scale,
                                                         bool causal, const Tensor& y,
                                                         const Tensor& max_sum, Needs needs);

/// Gradient of an additive mask: dS = P (dP - sum_j P dP), dP = dO V^T, summed over what the mask
/// is repeated over. q, k, v, mask and dy (..., N, hd) as above.
Tensor attention_mask_backward(const Tensor& dy, const Tensor& q, const Tensor& k, const Tensor& v,
                               const Tensor& mask, float scale, bool causal);

}  // namespace vitrine
