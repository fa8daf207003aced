#pragma once

#include <cstdint>

#include "core/tensor.hpp"

namespace vitrine {

/// Names one random mask. Every use of dropout in a step has a place of its own: two uses under the
/// same key draw the same mask.
struct RandomKey {
  uint64_t seed = 0;   ///< of the run
  uint64_t step = 0;   ///< of the optimiser
  uint32_t place = 0;  ///< in the network, below 2^24
};

/// Dropout: each element is kept with probability 1 - p and then divided by 1 - p, otherwise 0. The
/// mask is a function of (key, element number) alone, the same on every ISA and for any number of
/// threads; nothing of it is stored, backward computes it again.
///   x       any shape, fewer than 2^34 elements
///   p       in [0, 1]; 0 returns x itself
///   returns x's shape; differentiable in x
/// Throws ShapeError, and UsageError for a p or a place of the key that is out of range.
/// Source: Srivastava et al. 2014, JMLR 15, section 4, scaled while training ('inverted').
Tensor dropout(const Tensor& x, float p, const RandomKey& key);

/// Drop path (stochastic depth): one flag per sample, axis 0. A kept sample is divided by 1 - p if
/// `scale_by_keep`, a dropped one is 0.
///   x       (B, ...)
///   p       in [0, 1]; 0 returns x itself
///   returns x's shape; differentiable in x
/// Throws ShapeError, and UsageError for a p or a place of the key that is out of range.
/// Source: Huang et al. 2016, arXiv 1603.09382; scaled as timm does.
Tensor drop_path(const Tensor& x, float p, const RandomKey& key, bool scale_by_keep = true);

/// residual + drop_path(branch, p, key) in one pass; a dropped sample's branch is not even read.
///   residual, branch  (B, ...)
///   returns           their shape; differentiable in both
/// Throws ShapeError, and UsageError for a p or a place of the key that is out of range.
Tensor drop_path_add(const Tensor& residual, const Tensor& branch, float p, const RandomKey& key);

/// dropout with a mask from elsewhere: x / (1 - p) where keep is not 0, otherwise 0.
///   keep  x's shape
Tensor apply_keep_mask(const Tensor& x, const Tensor& keep, float p);

/// drop_path with flags from elsewhere: a sample whose flag in keep is 0 becomes 0, the others are
/// divided by 1 - p if `scale_by_keep`.
///   keep  (B)
Tensor apply_sample_mask(const Tensor& x, const Tensor& keep, float p, bool scale_by_keep = true);

}  // namespace vitrine
