#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "models/networks/network.hpp"

namespace vitrine {

/// The network that timm 1.0.29 builds for an architecture, if Vitrine computes exactly that; a
/// null pointer for every other name, also where a configuration of ours could be read into it:
/// what timm does beyond parameters (rotary positions, blurred strides, norms in other places)
/// cannot be seen in weights. A tag behind a point ("resnet50.a1_in1k") is passed over, as timm
/// does. The table is proved name by name by `make test-sweep`.
std::unique_ptr<NetworkConfig> timm_network(std::string_view architecture);

/// What an architecture that timm_network does not have is known for: "rotary positions"; empty if
/// that is not known either.
std::string_view timm_difference(std::string_view architecture);

}  // namespace vitrine
