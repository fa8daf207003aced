#pragma once

#include <string>
#include <string_view>

#include "models/networks/network.hpp"

namespace vitrine {

/// The whole number that a text begins with; 0 if it begins with none, or with one too large.
int64_t leading_number(std::string_view text);

/// Takes "_<pixels>", "_gray" and "_c<classes>", each optional and in this order, off the end of a
/// model's name and puts what they say into the configuration; what they do not say stays. Returns
/// the rest of the name.
std::string take_suffixes(std::string_view name, NetworkConfig& config);

}  // namespace vitrine
