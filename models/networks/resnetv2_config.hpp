#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "models/networks/image_norm_options.hpp"
#include "models/networks/layer_plan.hpp"
#include "ops/standardize_weight.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// What the stem is made of, and how images are padded.
enum class Stem {
  kSame,    ///< 7 x 7; TensorFlow's SAME, here and in all other convolutions: hybrids
  kFixed,   ///< 7 x 7; the same on all sides, and a max pool over zeros: BiT
  kPlain,   ///< 7 x 7; the same on all sides
  kDeep,    ///< three 3 x 3 ones, the first two half as wide; the same on all sides
  kTiered,  ///< the same, the first three quarters as wide as the second
};

/// A ResNetV2 without its head, as plain data: what BiT, the hybrids and timm's own have in common.
/// Names and meanings are timm's.
struct ResNetV2Config {
  std::vector<int64_t> layers;    ///< blocks per stage; none for the stem alone
  std::vector<int64_t> channels;  ///< of each stage's result
  int64_t stem_channels = 64;
  double bottle_ratio = 0.25;  ///< width of a block's middle, in parts of its result
  bool preact = false;         ///< norm and ReLU before each convolution (BiT), else behind it
  Stem stem = Stem::kSame;
  bool basic = false;     ///< two 3 x 3 convolutions in a block: with preact alone
  bool avg_down = false;  ///< shortcuts shrink by average pooling, not by stride: with preact alone
  ImageNormOptions norm{.kind = ImageNormKind::kGroup};
  bool standardize = true;  ///< kernels, in every pass
  double conv_eps = 1e-8;   ///< of weight standardisation
  StandardizeForm conv_eps_form = StandardizeForm::kRoot;

  bool operator==(const ResNetV2Config&) const = default;

  /// Channels of the result.
  int64_t out_channels() const { return layers.empty() ? stem_channels : channels.back(); }
  bool deep() const { return stem == Stem::kDeep || stem == Stem::kTiered; }
  /// Of a deep stem's first two convolutions.
  int64_t stem_middle(int convolution) const {
    return stem == Stem::kTiered && convolution == 0 ? 3 * stem_channels / 8 : stem_channels / 2;
  }
  /// Whether the first block of stage `s`, which `in` channels enter, has a convolution on its
  /// shortcut: a basic block where the sizes ask for it, a bottleneck always.
  bool projects(size_t s, int64_t in) const { return !basic || s > 0 || in != channels[s]; }
  /// Channels of the middle of a block: timm's make_divisible, multiples of 8.
  int64_t middle(int64_t block_channels) const;
  /// Blocks of all stages, and the place of a parameter's block among them, from 1; 0 for the stem.
  int64_t blocks() const { return std::accumulate(layers.begin(), layers.end(), int64_t{0}); }
  int64_t layer_of(std::string_view parameter) const;
  /// Pixels of an image, along one side, for each of the result.
  int64_t shrink() const { return int64_t{4} << (layers.empty() ? 0 : layers.size() - 1); }
  /// Pixels of the result, for images of so many pixels.
  Size2d grid(Size2d image) const;
  /// f(layer) for every layer, in the order of the pass; `name` is the module's, empty for none.
  void each_layer(const std::string& name, int64_t in_channels, Size2d image,
                  const LayerVisitor& f) const;

  /// Throws UsageError that says which value is impossible.
  void validate() const;

  /// On a line, for people.
  std::string summary() const;
  /// A JSON object with every value, under timm's names.
  nlohmann::json to_json() const;
  /// What is left out keeps its default. Throws UsageError on unknown keys and impossible values.
  static ResNetV2Config from_json(nlohmann::json object);
};

}  // namespace vitrine
