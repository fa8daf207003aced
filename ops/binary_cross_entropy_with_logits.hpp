#pragma once

#include <cstdint>
#include <span>

#include "core/tape.hpp"
#include "core/tensor.hpp"
#include "ops/cross_entropy.hpp"

namespace vitrine {

/// The options of cross_entropy, and what becomes of the C losses of a row.
struct BinaryCrossEntropyOptions : CrossEntropyOptions {
  bool sum_classes = false;  ///< their sum; else their mean
};

/// Cross-entropy of sigmoid(logits) and a target, class by class (sigmoid cross-entropy): each
/// class is a question of its own. For each row
///   loss = sum_c (log(1 + e^(x_c)) - x_c target_c), divided by C unless options.sum_classes
///   logits  (B, C)
///   labels  B class numbers in [0, C), or options.ignore_index; the target is 1 for it, else 0,
///           and smoothed as by cross_entropy
///   returns () or (B), see Reduction; the mean over no rows is NaN; differentiable in logits
/// Error: below 4e-7 (loss + 1e-6) for each row, targets in [0, 1]. Throws ShapeError,
/// and UsageError for a smoothing or a label out of range.
/// Source: timm's BinaryCrossEntropy (sum_classes, smoothing); Beyer et al. 2020, arXiv 2006.07159
/// (why); PyTorch's function of this name.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, std::span<const int32_t> labels,
                                        const BinaryCrossEntropyOptions& options = {});

/// Binary cross-entropy with a target per class (mixup, several labels); ignore_index has no
/// meaning here.
///   probabilities  (B, C), each in [0, 1]; differentiable
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& probabilities,
                                        const BinaryCrossEntropyOptions& options = {});

/// Gradient in logits: (sigmoid(x_c) - target_c) dloss for each row, divided as the loss is.
///   dy  the shape that binary_cross_entropy_with_logits returned
Tensor binary_cross_entropy_with_logits_backward(const Tensor& dy, const Tensor& logits,
                                                 std::span<const int32_t> labels,
                                                 const BinaryCrossEntropyOptions& options);

struct BinaryCrossEntropyGradients {
  Tensor dlogits;         ///< (B, C)
  Tensor dprobabilities;  ///< (B, C): -(1 - s) x_c dloss
};

/// needs[0] is logits, needs[1] probabilities. What is not needed stays undefined.
BinaryCrossEntropyGradients binary_cross_entropy_with_logits_backward(
    const Tensor& dy, const Tensor& logits, const Tensor& probabilities,
    const BinaryCrossEntropyOptions& options, Needs needs);

}  // namespace vitrine
