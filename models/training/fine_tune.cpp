#include "models/training/fine_tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/text/json_text.hpp"
#include "models/weights/weight_fit.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kBeforeHead = "pre_logits.";

/// Row i of the result is row rows[i] of `tensor`.
Tensor rows_of(const Tensor& tensor, std::span<const int32_t> rows) {
  Tensor result = Tensor::empty(tensor.shape());
  const int64_t width = tensor.numel() / tensor.dim(0);
  float* to = result.mutable_data();
  for (const int32_t row : rows) to = std::copy_n(tensor.data() + row * width, width, to);
  return result;
}

}  // namespace

bool is_head(std::string_view parameter) {
  constexpr std::array<std::string_view, 4> kHeads = {"head.", "head_dist.", kBeforeHead, "fc."};
  return std::ranges::any_of(kHeads, [&](std::string_view h) { return parameter.starts_with(h); });
}

std::unique_ptr<NetworkConfig> fine_tune_config(const Model& source, int64_t classes,
                                                bool new_head) {
  nlohmann::json object = source.network->network_config().to_json();
  object["num_classes"] = classes;
  if (new_head && object.contains("pre_logits")) object["pre_logits"] = 0;
  return network_config_from_json(std::move(object));
}

bool same_head(Network& network, const Model& source) {
  const auto shapes = [](Network& from) {
    std::map<std::string, Shape> head;
    from.visit([&](const std::string& name, Parameter& p, Role) {
      if (is_head(name)) head.emplace(name, p.value.shape());
    });
    return head;
  };
  return shapes(network) == shapes(*source.network);
}

void permute_classes(Network& network, std::span<const int32_t> rows) {
  network.visit([&](const std::string& name, Parameter& p, Role) {
    if (is_head(name) && !name.starts_with(kBeforeHead)) p.value = rows_of(p.value, rows);
  });
}

void start_from(Network& network, const Model& source, const std::string& path,
                std::span<const int32_t> rows) {
  const bool new_head = rows.empty();
  std::map<std::string, Tensor> weights;
  source.network->visit([&](const std::string& name, Parameter& p, Role) {
    if (!new_head || !is_head(name)) weights[name] = p.value;
  });
  WeightFit fit;
  network.visit([&](const std::string& name, Parameter& p, Role) {
    if (new_head && is_head(name)) {
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
  if (!new_head) permute_classes(network, rows);
}

}  // namespace vitrine
