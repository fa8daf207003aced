#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/networks/image_norm_options.hpp"
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

/// What weighs the channels of a block's branch before it is added to the shortcut.
enum class ChannelAttentionKind {
  kNone,
  kSqueeze,    ///< squeeze and excitation (Hu et al. 2017, arXiv 1709.01507)
  kEfficient,  ///< ECA (Wang et al. 2019, arXiv 1910.03151)
};

/// A ResNet (He et al. 2015, arXiv 1512.03385) as plain data. The defaults are those of ResNet-50.
/// Names and meanings are timm's.
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
  bool replace_stem_pool = false;  ///< a 3 x 3 convolution with stride 2 in place of the max pool
  ChannelAttentionKind attention = ChannelAttentionKind::kNone;
  double se_ratio = 1.0 / 16;  ///< width of squeeze and excitation, in parts of its channels
  ImageNormOptions norm;
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
  /// Channels of a squeeze: timm's make_divisible, multiples of 8.
  int64_t squeezed(int64_t block_channels) const;
  /// Neighbours that ECA sees, an odd number: the paper's eq. 12 with gamma 2 and b 1.
  static int64_t eca_kernel(int64_t block_channels);
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
///   [se|eca]resnet<depth>[c|d|s|t]         depth: 10 14 18 26 34 50 101 152 200 269. c, d, s: a
///                                          deep stem, s twice as wide; t: a tiered one; d, t:
///                                          avg_down
///   [se|eca]resnext<depth>[d|t]_<groups>x<width>d    as resnext50_32x4d
///   ecaresnetlight                         1, 1, 11, 3 blocks, avg_down
///   resnetrs<depth>                        depth: 50 101 152 200 270 350 420. ResNet-RS: deep
///                                          stem, avg_down, squeezed to a quarter, no max pool
///   wide_resnet<depth>_2                   middles twice as wide
///   resnet50_gn                            group norm
std::optional<ResNetConfig> resnet_config(std::string_view name);

}  // namespace vitrine
