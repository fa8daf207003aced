#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// How the deviation of a kernel is kept away from 0.
enum class StandardizeForm {
  kRoot,  ///< (w - mean) / sqrt(var + eps): timm and Hugging Face
  kSum,   ///< (w - mean) / (sqrt(var) + eps): Google's models, with 1e-5
};

/// Weight standardisation: every output channel's kernel gets mean 0 and (biased) variance 1.
///   weight  (O, ...); a row per output channel
///   returns weight's shape; differentiable
/// Error: as layer_norm's, relative to the largest |y| of a row. Throws ShapeError.
/// Source: Qiao et al. 2019, arXiv 1903.10520, eq. 5 to 8.
Tensor standardize_weight(const Tensor& weight, float eps,
                          StandardizeForm form = StandardizeForm::kRoot);

}  // namespace vitrine
