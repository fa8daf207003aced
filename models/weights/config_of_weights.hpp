#pragma once

#include <memory>
#include <string_view>

#include "models/networks/network.hpp"
#include "models/weights/mapped_weights.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {

/// The configuration that weights have: sizes and switches from names and shapes, the rest from
/// `facts`. Folds what the canonical form has elsewhere, with a note: a position embedding that
/// covers the class token but not the registers. Adds the zero bias of a head without one.
/// Throws FormatError(kMismatch) if the weights are no ViT, or do not say enough.
std::unique_ptr<NetworkConfig> config_of_weights(MappedWeights& weights, const SourceFacts& facts,
                                                 std::string_view path);

}  // namespace vitrine
