#pragma once

#include <string>
#include <vector>

#include "models/networks/conv_layers.hpp"
#include "models/networks/layers.hpp"
#include "models/networks/resnetv2_config.hpp"

namespace vitrine {

/// A bottleneck: 1 x 1, 3 x 3 (with the stride) and 1 x 1 convolutions and a shortcut.
///   post-activation   relu(norm3(conv3(relu(norm2(conv2(relu(norm1(conv1(x)))))))) + shortcut)
///   pre-activation    conv3(relu(norm3(conv2(relu(norm2(conv1(p))))))) + shortcut, where p is
///                     relu(norm1(x))
///   basic             conv2(relu(norm2(conv1(p)))) + shortcut: 3 x 3 (with the stride) and 3 x 3
/// In the first block of a stage the shortcut is a 1 x 1 convolution, of x with a norm behind it,
/// or of p without, perhaps after average pooling; in a basic block only where sizes ask for it.
struct PreactBlock {
  ImageConv downsample;  // may be absent
  ImageNorm downsample_norm;
  ImageConv conv1, conv2, conv3;  // without conv3 in a basic block
  ImageNorm norm1, norm2, norm3;
  bool preact = false;
  int64_t pool = 1;  // pixels that the shortcut's pooling joins, along a side

  /// (B, H, W, C) -> (B, H / stride, W / stride, O)
  Tensor operator()(const Tensor& x, const Pass& = {}) const;

  template <class F>
  void visit(const std::string& name, F&& f) {
    downsample.visit(name + ".downsample.conv", f);
    downsample_norm.visit(name + ".downsample.norm", f);
    if (preact) norm1.visit(name + ".norm1", f);
    conv1.visit(name + ".conv1", f);
    (preact ? norm2 : norm1).visit(name + (preact ? ".norm2" : ".norm1"), f);
    conv2.visit(name + ".conv2", f);
    (preact ? norm3 : norm2).visit(name + (preact ? ".norm3" : ".norm2"), f);
    conv3.visit(name + ".conv3", f);
    if (!preact) norm3.visit(name + ".norm3", f);
  }
  template <class F>
  void each_convolution(F&& f) {
    for (ImageConv* conv : {&downsample, &conv1, &conv2, &conv3}) {
      if (conv->weight.defined()) f(*conv);
    }
  }
};

/// The feature extractor of BiT (Kolesnikov et al. 2019, arXiv 1912.11370), of timm's ResNetV2 and
/// of the hybrids.
struct ResNetV2 {
  ResNetV2Config config;
  std::vector<ImageConv> stem_convs;  // one, or three
  std::vector<ImageNorm> stem_norms;  // behind the first ones; behind all in post-activation
  std::vector<std::vector<PreactBlock>> stages;
  ImageNorm norm;  // pre-activation: before the head

  ResNetV2(const ResNetV2Config& config, int64_t in_channels);

  /// images (B, H, W, C) -> features (B, H', W', out_channels). `name` is the module's, for probes.
  Tensor operator()(const Tensor& images, const Pass& pass, std::string_view name) const;

  void freeze();

  /// As timm orders and names them: a stem that is alone has no level of its own.
  template <class F>
  void visit(const std::string& name, F&& f) {
    const std::string prefix = name.empty() ? "" : name + ".";
    const std::string stem = config.layers.empty() ? prefix : prefix + "stem.";
    for (size_t i = 0; i < stem_convs.size(); ++i) {
      const std::string number = config.deep() ? std::to_string(i + 1) : "";
      stem_convs[i].visit(stem + "conv" + number, f);
      if (i < stem_norms.size()) stem_norms[i].visit(stem + "norm" + number, f);
    }
    for (size_t s = 0; s < stages.size(); ++s) {
      for (size_t b = 0; b < stages[s].size(); ++b) {
        stages[s][b].visit(prefix + "stages." + std::to_string(s) + ".blocks." + std::to_string(b),
                           f);
      }
    }
    norm.visit(prefix + "norm", f);
  }
};

}  // namespace vitrine
