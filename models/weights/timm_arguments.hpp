#pragma once

#include "models/weights/known_keys.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {

/// Reads model_args, the arguments with which timm builds a network: what weights do not show goes
/// into `facts`, what they show into `said`, under the keys of NetworkConfig::to_json. `known` is
/// what the architecture has without them. Throws FormatError for an argument that is not known,
/// and for a value that our networks do not have.
void read_timm_arguments(KnownKeys& arguments, const NetworkConfig& known, nlohmann::json& said,
                         SourceFacts& facts);

/// What weights do not show of an architecture of timm's.
void set_hidden(const NetworkConfig& known, SourceFacts& facts);

/// "token", "avg": how the network pools. Throws FormatError for all others of timm's.
Pool read_timm_pool(KnownKeys& keys, std::string_view key, const NetworkConfig& known);

}  // namespace vitrine
