#pragma once

#include <functional>
#include <string>
#include <vector>

#include "models/networks/network.hpp"
#include "ops/kernels/precision.hpp"

namespace vitrine {

/// What one weight costs in another precision: 1 - the mean cosine of what the head sees to what it
/// sees when all weights are in f32.
struct LayerLoss {
  std::string name;
  double loss;
};

/// Of each weight of a frozen network in f32 that `measured` names, quantised alone. The network is
/// as before afterwards. `seen` is called after each with the number so far.
///   images   (B, H, W, C), normalised
std::vector<LayerLoss> layer_losses(Network& network, const std::vector<std::string>& measured,
                                    Precision precision, const Tensor& images,
                                    const std::function<void(int64_t)>& seen = {});

}  // namespace vitrine
