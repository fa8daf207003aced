#pragma once

#include <string>
#include <vector>

#include "models/networks/channel_attention.hpp"
#include "models/networks/conv_layers.hpp"
#include "models/networks/network.hpp"
#include "models/networks/resnet_config.hpp"

namespace vitrine {

/// A residual block: two (basic) or three (bottleneck) convolutions, each with its norm, perhaps
/// attention to channels, and a shortcut:
///   relu(attention(conv3(relu(conv2(relu(conv1(x)))))) + shortcut(x))
struct ResidualBlock {
  ConvNorm conv1, conv2, conv3;  // without conv3 in a basic block
  ChannelAttention attention;    // may be absent
  ConvNorm downsample;           // of the shortcut; absent where x fits as it is
  bool avg_down = false;         // average pooling before it
  int64_t pool = 1;              // pixels that this joins, along a side
  float drop_path = 0;
  uint32_t index = 0;  // among all blocks: the place of its random mask

  /// (B, H, W, C) -> (B, H / stride, W / stride, O)
  Tensor operator()(const Tensor& x, const Pass& pass) const;

  /// No more training.
  void freeze() {
    for (ConvNorm* conv : {&conv1, &conv2, &conv3, &downsample}) {
      if (conv->weight.defined()) conv->freeze();
    }
    attention.freeze();
  }
  template <class F>
  void visit(const std::string& name, F&& f) {
    conv1.visit(name + ".conv1", name + ".bn1", f);
    conv2.visit(name + ".conv2", name + ".bn2", f);
    conv3.visit(name + ".conv3", name + ".bn3", f);
    attention.visit(name + ".se", f);
    // timm's sequence begins with the pooling where there may be one.
    downsample.visit(name + (avg_down ? ".downsample.1" : ".downsample.0"),
                     name + (avg_down ? ".downsample.2" : ".downsample.1"), f);
  }
};

/// ResNet (He et al. 2015, arXiv 1512.03385), and what ResNetConfig makes of it. Names are timm's,
/// which are torchvision's.
struct ResNet : Network {
  ResNetConfig config;
  std::vector<ConvNorm> stem;  // one, or three
  ConvNorm stem_pool;          // in place of the max pool, or absent
  std::vector<std::vector<ResidualBlock>> stages;
  Linear fc;

  explicit ResNet(const ResNetConfig& config);

  const NetworkConfig& network_config() const override { return config; }

  Tensor operator()(const Tensor& images, const Pass& pass = {}) const override;
  Tensor features(const Tensor& images, const Pass& pass = {}) const override;

  void initialize(uint64_t seed, WeightInit scheme = WeightInit::kTimm) override;
  void resize(int64_t image_height, int64_t image_width, PositionResampling method) override;
  /// Batch norms are folded into the convolutions before them: their tensors are gone.
  void freeze() override;
  int64_t layers() const override;
  int64_t layer_of(std::string_view parameter) const override;
  void visit(const ParameterVisitor& f) override;
};

}  // namespace vitrine
