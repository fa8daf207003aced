#pragma once

#include <span>

#include "core/tensor.hpp"

namespace vitrine {

/// The 2-norm of all gradients taken together; undefined tensors count as zeros. Squares are added
/// up in double over chunks of fixed size.
double grad_norm(std::span<const Tensor> grads);

/// Multiplies every gradient in place by min(1, max_norm / (norm + 1e-6)).
///   returns the norm before; where it is not finite, nor are the gradients afterwards
/// Not recorded by a tape. Throws ShapeError if a live tape needs one of the tensors.
/// Source: Pascanu, Mikolov, Bengio 2013, arXiv 1211.5063, algorithm 1; torch.nn.utils.
double clip_grad_norm(std::span<Tensor> grads, double max_norm);

}  // namespace vitrine
