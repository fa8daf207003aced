#include "models/fine_tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/json_text.hpp"
#include "models/weight_fit.hpp"

namespace vitrine {

bool is_head(std::string_view parameter) {
  constexpr std::array<std::string_view, 4> kHeads = {"head.", "head_dist.", "pre_logits.", "fc."};
  return std::ranges::any_of(kHeads, [&](std::string_view h) { return parameter.starts_with(h); });
}

std::unique_ptr<NetworkConfig> fine_tune_config(const Model& source, int64_t classes) {
  nlohmann::json object = parse_json(source.network->network_config().to_json());
  object["num_classes"] = classes;
  if (object.contains("pre_logits")) object["pre_logits"] = 0;
  return network_config_from_json(write_json(object));
}

void start_from(Network& network, const Model& source, const std::string& path) {
  std::map<std::string, Tensor> weights;
  source.network->visit([&](const std::string& name, Parameter& p, Role) {
    if (!is_head(name)) weights[name] = p.value;
  });
  WeightFit fit;
  network.visit([&](const std::string& name, Parameter& p, Role) {
    if (is_head(name)) {
      p.value = Tensor::zeros(p.value.shape());
      return;
    }
    const auto found = weights.find(name);
    if (found == weights.end()) {
      fit.missing.push_back(name);
    } else if (found->second.shape() != p.value.shape()) {
      fit.reshaped.push_back(fmt::format("{} is {}, wanted {}", name, found->second.shape().str(),
                                         p.value.shape().str()));
    } else {
      p.value = found->second.clone();
    }
    weights.erase(name);
  });
  for (const auto& [name, tensor] : weights) fit.extra.push_back(name);
  fit.require(path);
}

}  // namespace vitrine
