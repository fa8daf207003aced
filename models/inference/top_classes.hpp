#pragma once

#include <cstdint>

#include "core/reused.hpp"
#include "core/tensor.hpp"

namespace vitrine {

struct ClassProbability {
  int64_t index = 0;
  double probability = 0;
};

/// A list for each picture.
using TopClasses = ReusedVector<ReusedVector<ClassProbability>>;

/// The k most probable classes of each picture, most probable first, equal ones by their number;
/// all of them if there are fewer. NaN comes last.
///   logits   (B, C), as a network gives them
///   returns  B lists of min(k, C)
/// Throws ShapeError.
TopClasses top_classes(const Tensor& logits, int64_t k);

}  // namespace vitrine
