#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "models/networks/network.hpp"
#include "models/networks/resnetv2.hpp"

namespace vitrine {

/// BiT (Kolesnikov et al. 2019, arXiv 1912.11370) and other ResNetV2 with a head, as plain data.
/// Its JSON has the backbone's values beside its own, as timm has them.
struct BitConfig : NetworkConfig {
  ResNetV2Config backbone;
  double head_dropout = 0;  ///< before the head

  int64_t features() const override { return backbone.out_channels(); }
  void each_layer(const LayerVisitor& f) const override;
  void validate() const override;
  std::string summary() const override;
  nlohmann::json to_json() const override;
  std::unique_ptr<Network> build() const override;
  /// What is left out keeps its default. Throws UsageError on unknown keys and impossible values.
  static BitConfig from_json(nlohmann::json object);
};

/// The configuration of a name of timm's with _<pixels>, _gray and _c<classes> behind it in this
/// order; nothing for other names:
///   resnetv2_<depth>x<times>_bit       depth: 50 101 152. BiT
///   resnetv2_<depth>[d|t][_gn]         depth: 18 34 50 101 152. Plain convolutions and batch or
///                                      group norm; d: a deep stem, t: a tiered one, both with
///                                      avg_down
std::optional<BitConfig> bit_config(std::string_view name);

struct Bit : Network {
  BitConfig config;
  ResNetV2 backbone;
  Parameter head_weight, head_bias;  // a 1 x 1 convolution: (classes, F, 1, 1), (classes)

  explicit Bit(const BitConfig& config);

  const NetworkConfig& network_config() const override { return config; }

  Tensor operator()(const Tensor& images, const Pass& pass = {}) const override;
  Tensor features(const Tensor& images, const Pass& pass = {}) const override;

  void initialize(uint64_t seed, WeightInit scheme = WeightInit::kTimm) override;
  void resize(int64_t image_height, int64_t image_width, PositionResampling method) override;
  void freeze() override;
  int64_t layers() const override;
  int64_t layer_of(std::string_view parameter) const override;

  void visit(const ParameterVisitor& f) override {
    backbone.visit("", f);
    if (!head_weight.defined()) return;
    f("head.fc.weight", head_weight, Role::kWeight);
    f("head.fc.bias", head_bias, Role::kVector);
  }
};

}  // namespace vitrine
