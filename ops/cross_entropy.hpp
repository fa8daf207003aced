#pragma once

#include <cstdint>
#include <span>

#include "core/tape.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// What becomes of the B losses of a batch.
enum class Reduction {
  kMean,  ///< one number: their sum over the rows that count, divided by the number of these
  kSum,   ///< one number
  kNone,  ///< (B)
};

struct CrossEntropyOptions {
  float label_smoothing = 0.0F;  ///< s in [0, 1]: the target becomes (1 - s) target + s / C
  Reduction reduction = Reduction::kMean;
  int32_t ignore_index = -100;  ///< rows with this label have no loss and no gradient
};

/// Cross-entropy of softmax(logits) and a target, in one pass: for each row
///   loss = sum_c target_c (log sum_j e^(x_j) - x_c)
///   logits  (B, C)
///   labels  B class numbers in [0, C), or options.ignore_index
///   returns () or (B), see Reduction; the mean over no rows is NaN; differentiable in logits
/// Error: below 3e-7 (1 + loss) for each row. Throws ShapeError, and UsageError
/// for a smoothing or a label out of range, whose row the text names.
/// Source: Szegedy et al. 2016, arXiv 1512.00567, section 7 (label smoothing).
Tensor cross_entropy(const Tensor& logits, std::span<const int32_t> labels,
                     const CrossEntropyOptions& options = {});

/// Cross-entropy with a distribution per row as the target (mixup, distillation); ignore_index has
/// no meaning here.
///   probabilities  (B, C), need not add up to 1; differentiable
Tensor cross_entropy(const Tensor& logits, const Tensor& probabilities,
                     const CrossEntropyOptions& options = {});

/// What the forward pass leaves for the backward pass, each one number per row.
struct CrossEntropyStatistics {
  Tensor max;  ///< m = max_j x_j
  Tensor sum;  ///< sum_j e^(x_j - m)
};

/// Gradient of cross_entropy in logits: (softmax(x) sum_c target_c - target) dloss for each row.
///   dy  the shape that cross_entropy returned
Tensor cross_entropy_backward(const Tensor& dy, const Tensor& logits,
                              std::span<const int32_t> labels,
                              const CrossEntropyStatistics& statistics,
                              const CrossEntropyOptions& options);

struct CrossEntropyGradients {
  Tensor dlogits;         ///< (B, C)
  Tensor dprobabilities;  ///< (B, C): (1 - s) (log sum_j e^(x_j) - x_c) dloss
};

/// needs[0] is logits, needs[1] probabilities. What is not needed stays undefined.
CrossEntropyGradients cross_entropy_backward(const Tensor& dy, const Tensor& logits,
                                             const Tensor& probabilities,
                                             const CrossEntropyStatistics& statistics,
                                             const CrossEntropyOptions& options, Needs needs);

}  // namespace vitrine
