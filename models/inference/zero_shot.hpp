#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/tensor.hpp"
#include "models/inference/top_classes.hpp"
#include "models/weights/model.hpp"

namespace vitrine {

/// Classes that texts say, each by its embedding in the space of a network's own: zero-shot
/// classification, without the text tower that made them.
///   logit = scale cos(image, text) + bias
/// softmax over the classes (Radford et al. 2021, arXiv 2103.00020), or, where there is a bias, a
/// sigmoid for each (Zhai et al. 2023, arXiv 2303.15343).
struct ZeroShot {
  std::vector<std::string> names;  ///< of the classes
  Tensor texts;                    ///< (C, D), of length 1
  float scale = 1;
  std::optional<float> bias;

  ClassProbabilities probabilities() const {
    return bias ? ClassProbabilities::kSigmoid : ClassProbabilities::kSoftmax;
  }
  /// What the network answers of images (B, D) -> (B, C).
  Tensor logits(const Tensor& embeddings) const;
};

/// Reads classes for `model`, whose answer is an embedding, from a .safetensors:
///   "embeddings"   (C, D), floats of any kind and length
///   metadata       "names", a JSON list of C texts
///   "logit_scale"  one number, the natural logarithm of the scale, as the ecosystem stores it;
///   "logit_bias"   one number. Where the file has neither, those of the model's own weights.
/// Throws IoError, FormatError for what is no such file, and UsageError for a model that is none of
/// embeddings.
ZeroShot read_zero_shot(const std::string& path, const Model& model);

}  // namespace vitrine
