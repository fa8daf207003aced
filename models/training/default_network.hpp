#pragma once

#include <string>

#include "models/data/dataset.hpp"

namespace vitrine {

/// The network that a run trains if nobody names one.
struct DefaultNetwork {
  std::string name;  ///< for network_config
  std::string why;   ///< "colour pictures of about 200 pixels"
};

/// Chosen by the pictures: without colours for pictures that have none, and with the largest side
/// of 28, 32, 64, 128 and 224 pixels that is not larger than theirs (28 for smaller ones). Theirs
/// is the median of the shorter sides of up to 32 pictures, evenly spread; those that cannot be
/// read do not count. 28 x 28 grey pixels, as of Fashion-MNIST, give vit_d128_l6_h4_patch4_28_gray.
/// Throws what reading a picture throws if none can be read.
DefaultNetwork default_network(const Dataset& dataset);

/// The rule, for people.
inline constexpr const char* kDefaultNetworkRule =
    "what fits the pictures: grey or colour, and of 28, 32, 64, 128, 224 pixels the largest that "
    "is "
    "not above their shorter side";

}  // namespace vitrine
