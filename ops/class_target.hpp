#pragma once

// What the losses of classification share: checks of their arguments, and the step from the losses
// of the rows to what is returned, and back.

#include <cstdint>
#include <span>
#include <string_view>

#include "core/tensor.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/kernels/cross_entropy.hpp"

namespace vitrine {

/// The target of labels, or of probabilities, for a kernel. Throws ShapeError, and UsageError for a
/// smoothing or a label out of range, in the name of `op`.
kernels::CrossEntropyTarget label_target(std::string_view op, const Tensor& logits,
                                         std::span<const int32_t> labels,
                                         const CrossEntropyOptions& options);
kernels::CrossEntropyTarget probability_target(std::string_view op, const Tensor& logits,
                                               const Tensor& probabilities,
                                               const CrossEntropyOptions& options);

/// What a loss returns for the losses (B) of its rows.
Tensor reduce(const Tensor& losses, const kernels::CrossEntropyTarget& target, Reduction reduction);

/// The gradient of each row's loss (B) from that of what was returned.
Tensor row_gradients(std::string_view op, const Tensor& dy, int64_t rows,
                     const kernels::CrossEntropyTarget& target, Reduction reduction);

}  // namespace vitrine
