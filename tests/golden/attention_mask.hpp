#pragma once

#include <limits>

#include "core/tensor.hpp"

namespace vitrine::golden {

/// A mask of 1 (keep) and 0 as one that is added to the scores: 0 and -inf.
inline Tensor additive_mask(const Tensor& keep) {
  Tensor mask = keep.clone();
  float* values = mask.mutable_data();
  for (int64_t i = 0; i < mask.numel(); ++i) {
    values[i] = values[i] != 0 ? 0.0F : -std::numeric_limits<float>::infinity();
  }
  return mask;
}

}  // namespace vitrine::golden
