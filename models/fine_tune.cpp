#include "models/fine_tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/json_text.hpp"
#include "models/vit.hpp"
#include "models/weight_fit.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// The source's position embedding on the network's grid; itself where both have the same.
Tensor position_embedding_for(const Vit& network, const Vit& source, PositionResampling method) {
  const VitConfig& from = source.config;
  const VitConfig& to = network.config;
  const Tensor& embedding = source.pos_embed.value;
  const bool same = from.grid_height() == to.grid_height() && from.grid_width() == to.grid_width();
  if (same || from.no_embed_class != to.no_embed_class) return embedding;
  const int64_t prefix = from.no_embed_class ? 0 : from.prefix_tokens();
  return resample_position_embedding(embedding, prefix, from.grid_height(), from.grid_width(),
                                     to.grid_height(), to.grid_width(), method);
}

}  // namespace

bool is_head(std::string_view parameter) {
  constexpr std::array<std::string_view, 4> kHeads = {"head.", "head_dist.", "pre_logits.", "fc."};
  return std::ranges::any_of(kHeads, [&](std::string_view h) { return parameter.starts_with(h); });
}

std::unique_ptr<NetworkConfig> fine_tune_config(const Model& source, int64_t classes,
                                                int64_t image_size) {
  json object = parse_json(source.network->network_config().to_json());
  object["num_classes"] = classes;
  if (image_size > 0) object["img_size"] = image_size;
  if (object.contains("pre_logits")) object["pre_logits"] = 0;
  return network_config_from_json(write_json(object));
}

void start_from(Network& network, Model& source, PositionResampling resampling,
                const std::string& path) {
  std::map<std::string, Tensor> weights;
  source.network->visit([&](const std::string& name, Parameter& p, Role) {
    if (!is_head(name)) weights[name] = p.value;
  });
  const Vit* const vit = dynamic_cast<const Vit*>(&network);
  const Vit* const source_vit = dynamic_cast<const Vit*>(source.network.get());
  if (vit != nullptr && source_vit != nullptr && weights.contains("pos_embed") &&
      vit->pos_embed.defined()) {
    weights["pos_embed"] = position_embedding_for(*vit, *source_vit, resampling);
  }
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
