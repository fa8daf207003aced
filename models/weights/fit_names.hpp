#pragma once

#include <string_view>

#include "models/networks/network.hpp"
#include "models/weights/mapped_weights.hpp"

namespace vitrine {

/// Gives weights of another program (translate_names) the names and the parts that a network of
/// this configuration has, where those follow from the network and not from the file: LayerScale as
/// timm's class calls it, biases of q, k and v in one tensor or apart, the value beside a gate, the
/// position of the class token added to it. Throws FormatError for `path` if parts do not fit.
void fit_names(MappedWeights& weights, const NetworkConfig& config, std::string_view path);

}  // namespace vitrine
