#include "models/weights/claims.hpp"

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
     "fc_norm", "attn_pool_heads", "attn_pool_mlp_ratio", "backbone", "drop_rate", "pos_drop_rate",
     "proj_drop_rate", "drop_path_rate"});

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

std::string text_of(const json& network, const std::string& key) {
  return network.contains(key) ? write_json(network[key]) : "without it";
}

}  // namespace

Said keep(const json& value) {
  const auto end = [](json* kept) {
    dissolve(*kept);
    delete kept;
  };
  return {new json(value), end};
}

Claims claims_of_options(const std::string& source, const json& said, const json& usual) {
  Claims claims;
  for (const auto& [key, value] : said.items()) {
    claims.push_back({[source, key = key, value = keep(value)](const Shown& shown) -> std::string {
      if (!differ(key, *value, shown.options)) return "";
      return fmt::format("{} says {} {}, the weights show {}", source, key,
                         write_json_lossy(*value), text_of(shown.options, key));
    }});
  }
  for (const auto& [key, value] : usual.items()) {
    if (said.contains(key) || std::ranges::find(kChosen, key) != kChosen.end()) continue;
    const auto difference = [key = key, value = keep(value)](const Shown& shown) -> std::string {
      if (!differ(key, *value, shown.options)) return "";
      return fmt::format("{} {}, where the architecture usually has {}", key,
                         text_of(shown.options, key), write_json(*value));
    };
    claims.push_back({difference, false});
  }
  return claims;
}

void check_claims(const Claims& claims, const NetworkConfig& network, const MappedWeights& weights,
                  std::string_view path, std::vector<std::string>& notes) {
  json options = network.to_json();
  const Dissolved at_the_end(options);
  for (const Claim& claim : claims) {
    const std::string difference = claim.difference({network, options, weights});
    if (difference.empty()) continue;
    if (claim.binding) throw FormatError(FormatKind::kMismatch, path, -1, difference);
    notes.push_back(difference);
  }
}

}  // namespace vitrine
