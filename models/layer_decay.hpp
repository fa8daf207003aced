#pragma once

#include <cstdint>
#include <string_view>

namespace vitrine {

/// The layer of a vision transformer of this depth that a parameter belongs to, by its (timm) name:
///   0          embeddings and tokens
///   i + 1      block i
///   depth + 1  the final norm and the head
int64_t layer_of(std::string_view name, int64_t depth);

/// What layer-wise decay multiplies a parameter's learning rate by: decay^(depth + 1 - layer).
/// Source: Clark et al. 2020, arXiv 2003.10555 (ELECTRA); numbered as in BEiT and MAE.
double layer_scale_of(std::string_view name, int64_t depth, double decay);

}  // namespace vitrine
