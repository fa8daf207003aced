#include "models/weights/compare_with_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

// What weights do not show, or what every user of an architecture chooses: nothing to remark.
constexpr auto kChosen = std::to_array<std::string_view>(
    {"kind", "img_size", "in_chans", "num_classes", "num_heads", "act", "norm_eps", "global_pool",
     "fc_norm", "backbone", "drop_rate", "pos_drop_rate", "proj_drop_rate", "drop_path_rate"});

/// Both as what can be compared: of LayerScale whether there is any, of mlp_ratio the width that it
/// gives.
json comparable(const std::string& key, const json& value, const json& network) {
  if (key == "layer_scale" && value.is_number()) return value.get<double>() > 0;
  if (key == "mlp_ratio" && value.is_number()) {
    constexpr double kMost = 1e9;
    const double hidden = value.get<double>() * network.at("embed_dim").get<double>();
    return static_cast<int64_t>(std::clamp(hidden, -kMost, kMost));
  }
  return value;
}

bool differ(const std::string& key, const json& said, const json& network) {
  const auto found = network.find(key);
  return found == network.end() ||
         comparable(key, said, network) != comparable(key, *found, network);
}

std::string shown(const json& network, const std::string& key) {
  return network.contains(key) ? write_json(network[key]) : "without it";
}

}  // namespace

void compare_with_config(const NetworkConfig& network, SourceFacts& facts, std::string_view path) {
  json shows = parse_json(network.to_json());
  const Dissolved at_the_end(shows);
  for (const auto& [key, value] : facts.said.items()) {
    if (!differ(key, value, shows)) continue;
    throw FormatError(FormatKind::kMismatch, path, -1,
                      fmt::format("{} says {} {}, the weights show {}", facts.source, key,
                                  write_json_lossy(value), shown(shows, key)));
  }
  for (const auto& [key, value] : facts.usual.items()) {
    if (facts.said.contains(key) || std::ranges::find(kChosen, key) != kChosen.end()) continue;
    if (!differ(key, value, shows)) continue;
    facts.notes.push_back(fmt::format("{} {}, where the architecture usually has {}", key,
                                      shown(shows, key), write_json(value)));
  }
}

}  // namespace vitrine
