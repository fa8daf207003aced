#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/networks/network.hpp"

namespace vitrine {

enum class ResNetBlock {
  kBasic,       ///< two 3 x 3 convolutions
  kBottleneck,  ///< 1 x 1, 3 x 3 (with the stride, "v1.5") and 1 x 1, four times as many channels
                ///< out
};

enum class ResNetStem {
  kPlain,       ///< one 7 x 7 convolution
  kDeep,        ///< three 3 x 3 ones (He et al. 2018, arXiv 1812.01187: ResNet-C and -D)
  kDeepTiered,  ///< the same, the first three quarters as wide as the second: timm's ResNet-T
};

/// A ResNet with batch norm (He et al. 2015, arXiv 1512.03385) as plain data. The defaults are
/// those of ResNet-50. Names and meanings are timm's.
struct ResNetConfig : NetworkConfig {
  ResNetBlock block = ResNetBlock::kBottleneck;
  std::vector<int64_t> layers = {3, 4, 6, 3};         ///< blocks per stage
  std::vector<int64_t> planes = {64, 128, 256, 512};  ///< "channels": width of each stage
  ResNetStem stem = ResNetStem::kPlain;
  int64_t stem_width = 64;  ///< of a deep stem's second convolution; the last has twice as many
  bool avg_down = false;    ///< shortcuts shrink by average pooling, not by stride: ResNet-D
  int64_t cardinality = 1;  ///< groups of the 3 x 3 convolution in a bottleneck: ResNeXt
  int64_t base_width =
      64;  ///< a bottleneck's middle is planes * base_width / 64 * cardinality wide
  double bn_eps = 1e-5;
  double bn_momentum = 0.1;
  double head_dropout = 0;  ///< before the head
  double drop_path = 0;     ///< of the last block; grows linearly from 0

  int64_t expansion() const { return block == ResNetBlock::kBasic ? 1 : 4; }
  bool deep() const { return stem != ResNetStem::kPlain; }
  int64_t stem_channels() const { return deep() ? 2 * stem_width : 64; }
  /// Of a deep stem's first convolution.
  int64_t first_channels() const {
    return stem == ResNetStem::kDeepTiered ? 3 * (stem_width / 4) : stem_width;
  }
  int64_t middle(size_t stage) const;
  int64_t out_channels() const { return planes.back() * expansion(); }

  int64_t features() const override { return out_channels(); }
  void each_layer(const LayerVisitor& f) const override;
  void validate() const override;
  std::string summary() const override;
  nlohmann::json to_json() const override;
  std::unique_ptr<Network> build() const override;
  /// What is left out keeps its default. Throws UsageError on unknown keys and impossible values.
  static ResNetConfig from_json(nlohmann::json object);
};

/// The configuration of a name of timm's with _<pixels>, _gray and _c<classes> behind it in this
/// order; nothing for other names:
///   resnet<depth>[c|d|s|t]                 depth: 10 14 18 26 34 50 101 152 200. c, d, s: a deep
///                                          stem, s twice as wide; t: a tiered one; d, t: avg_down
///   resnext<depth>[d]_<groups>x<width>d    as resnext50_32x4d
///   wide_resnet<depth>_2                   middles twice as wide
std::optional<ResNetConfig> resnet_config(std::string_view name);

}  // namespace vitrine
