#pragma once

#include <cstdint>
#include <string>

#include "core/reused.hpp"
#include "core/tensor.hpp"
#include "models/weights/checkpoint.hpp"

namespace vitrine {

struct ClassProbability {
  int64_t index = 0;
  double probability = 0;
};

/// A list for each picture.
using TopClasses = ReusedVector<ReusedVector<ClassProbability>>;

/// How logits become probabilities: of one class among all, or of each for itself.
enum class ClassProbabilities { kSoftmax, kSigmoid };

/// The k most probable classes of each picture, most probable first, equal ones by their number;
/// all of them if there are fewer. NaN comes last.
///   logits   (B, C), as a network gives them
///   returns  B lists of min(k, C)
/// Throws ShapeError.
TopClasses top_classes(const Tensor& logits, int64_t k,
                       ClassProbabilities how = ClassProbabilities::kSoftmax);

/// What the model calls a class; "class 7" if it does not say.
std::string class_label(const Model& model, int64_t index);

}  // namespace vitrine
