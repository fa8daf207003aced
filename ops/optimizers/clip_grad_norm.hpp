#pragma once

#include <span>

#include "core/tensor.hpp"

namespace vitrine {

/// The 2-norm of all gradients taken together; undefined tensors count as zeros. Squares are added
/// up in double over chunks of fixed size.
double grad_norm(std::span<const Tensor> grads);

/// What clipping multiplies gradients of this norm by: min(1, max_norm / (norm + 1e-6)); NaN for
/// NaN.
double clip_scale(double norm, double max_norm);

/// Multiplies every gradient in place by clip_scale of their norm.
///   returns the norm before; where it is not finite, nor are the gradients afterwards
/// Not recorded by a tape. Throws UsageError if a live tape needs one of the tensors.
/// Source: Pascanu, Mikolov, Bengio 2013, arXiv 1211.5063, algorithm 1; torch.nn.utils.
double clip_grad_norm(std::span<Tensor> grads, double max_norm);

}  // namespace vitrine
