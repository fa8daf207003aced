#pragma once

#include <string>
#include <string_view>

#include "models/networks/bit.hpp"
#include "models/networks/resnet_config.hpp"
#include "models/weights/mapped_weights.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {

// What config_of_weights knows of convolutional networks: sizes and switches from names and shapes,
// the rest from the facts. All throw FormatError(kMismatch).

/// The ResNetV2 under `prefix` ("patch_embed.backbone." or ""), or nothing if there is none.
std::optional<ResNetV2Config> resnetv2_of_weights(const MappedWeights& weights,
                                                  const std::string& prefix,
                                                  const SourceFacts& facts, std::string_view path);

ResNetConfig resnet_of_weights(const MappedWeights& weights, const SourceFacts& facts,
                               std::string_view path);
BitConfig bit_of_weights(const MappedWeights& weights, const SourceFacts& facts,
                         std::string_view path);

}  // namespace vitrine
