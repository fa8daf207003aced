#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "models/networks/network.hpp"
#include "models/weights/mapped_weights.hpp"

namespace vitrine {

/// What weights show of their network.
struct Shown {
  const NetworkConfig& network;
  const nlohmann::json& options;  ///< its to_json
  const MappedWeights& weights;
};

/// Something that a configuration says of weights, which show it as well.
struct Claim {
  /// Where they differ, for people; "" if they agree.
  std::function<std::string(const Shown&)> difference;
  bool binding = true;  ///< weights that differ are refused; else it is remarked
};
using Claims = std::vector<Claim>;

/// A value that a claim keeps.
using Said = std::shared_ptr<const nlohmann::json>;
Said keep(const nlohmann::json& value);

/// Of options under the keys of NetworkConfig::to_json: those that `source` says are binding; where
/// it says nothing, what its architecture usually has is not. LayerScale is true or false.
Claims claims_of_options(const std::string& source, const nlohmann::json& said,
                         const nlohmann::json& usual);

/// Throws FormatError(kMismatch) for `path` at the first binding claim that is not true; appends
/// the others to `notes`.
void check_claims(const Claims& claims, const NetworkConfig& network, const MappedWeights& weights,
                  std::string_view path, std::vector<std::string>& notes);

}  // namespace vitrine
