#pragma once

#include <set>
#include <string>
#include <vector>

#include "models/weights/model.hpp"
#include "ops/kernels/precision.hpp"

namespace vitrine {

/// A weight that a network can keep in other precisions, and its values.
struct QuantizableWeight {
  std::string name;
  Tensor value;
};

/// Those of `plain`, a model that is not frozen, in the order of visit. `frozen` is the same model,
/// frozen: where that has a weight in the form in which it is multiplied (standardised), the value
/// is its; a batch norm that is folded into it only scales rows, which integers do not see, and
/// leaves the weight as it is.
std::vector<QuantizableWeight> quantizable_weights(const Model& plain, const Model& frozen);

/// Writes `plain` with `weights` in `precision`, but for those whose names are in `kept`: a weight
/// X in int8 is a tensor X of I8 in its own shape and a tensor X.scale of F32, one per output; in
/// bf16 it is a tensor of BF16. The metadata have "vitrine.precision" and are of format 2.
/// Atomically. Returns the bytes written. Throws IoError.
int64_t save_quantized(const std::string& path, const Model& plain,
                       const std::vector<QuantizableWeight>& weights, Precision precision,
                       const std::set<std::string>& kept = {});

}  // namespace vitrine
