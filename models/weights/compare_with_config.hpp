#pragma once

#include <string_view>

#include "models/networks/network.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {

/// Compares what weights show with what a configuration says of them (facts.said): throws
/// FormatError(kMismatch) for the first difference. Differences to what the architecture usually
/// has (facts.usual) go into facts.notes.
void compare_with_config(const NetworkConfig& network, SourceFacts& facts, std::string_view path);

}  // namespace vitrine
