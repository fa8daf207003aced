#pragma once

#include <nlohmann/json_fwd.hpp>

#include "ops/rotary_table.hpp"

namespace vitrine {

/// Rotary positions of a network, as plain data.
struct RotaryConfig {
  RotaryTableOptions table;

  bool learned() const { return table.rule == RotaryRule::kMixed; }
  bool operator==(const RotaryConfig&) const = default;

  nlohmann::json to_json() const;
  /// What is left out keeps its default. Throws UsageError on unknown keys and impossible values.
  static RotaryConfig from_json(nlohmann::json object);
};

}  // namespace vitrine
