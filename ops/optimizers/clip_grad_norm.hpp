#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.hpp"

namespace vitrine {

/// Squares are added up in double over chunks of so many elements: some microseconds.
inline constexpr int64_t kNormChunk = int64_t{1} << 15;

/// The sums of squares of the chunks of each gradient, in order; undefined tensors have none.
std::vector<double> grad_squares(std::span<const Tensor> grads);

/// The 2-norm of all gradients taken together; undefined tensors count as zeros: the
/// root of the sum of grad_squares, in order.
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
