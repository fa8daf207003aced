#include "models/weights/config_of_conv_weights.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr int64_t kUsualSide = 224;

/// Sizes of tensors that must be there.
class Shapes {
 public:
  Shapes(const MappedWeights& weights, std::string_view path) : weights_(weights), path_(path) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw FormatError(FormatKind::kMismatch, path_, -1, what);
  }
  bool has(std::string_view name) const { return weights_.find(name) != nullptr; }
  int64_t dim(const std::string& name, size_t axis) const {
    const MappedTensor* tensor = weights_.find(name);
    if (tensor == nullptr) refuse(fmt::format("tensor {} is missing", name));
    if (axis >= tensor->shape.size()) {
      refuse(fmt::format("{} has only {} dimensions", name, tensor->shape.size()));
    }
    return tensor->shape[axis];
  }
  /// Tensors <before><n><behind> for n from `first` on.
  int64_t count(std::string_view before, int64_t first, std::string_view behind) const {
    int64_t n = first;
    while (has(fmt::format("{}{}{}", before, n, behind))) ++n;
    return n - first;
  }
  template <class Config>
  void require_valid(const Config& config) const {
    try {
      config.validate();
    } catch (const UsageError& e) {
      refuse(e.what());
    }
  }

 private:
  const MappedWeights& weights_;
  std::string path_;
};

/// Convolutions take images of any size: what a file beside the weights says, else the usual one.
void set_image(NetworkConfig& c, const SourceFacts& facts) {
  c.image_height = facts.image_height > 0 ? facts.image_height : kUsualSide;
  c.image_width = facts.image_width > 0 ? facts.image_width : kUsualSide;
}

/// The ratio by which all of so many channels are squeezed to those numbers: the usual one, that of
/// ResNet-RS, or that of one of them, since multiples of 8 say little.
void set_se_ratio(ResNetConfig& c, const std::vector<int64_t>& squeezed) {
  std::vector<double> ratios = {c.se_ratio, 0.25};
  const auto channels = [&](size_t s) { return c.planes[s] * c.expansion(); };
  for (size_t s = 0; s < squeezed.size(); ++s) {
    if (channels(s) < 1) continue;
    ratios.push_back(static_cast<double>(squeezed[s]) / static_cast<double>(channels(s)));
  }
  for (const double ratio : ratios) {
    c.se_ratio = ratio;
    bool all = true;
    for (size_t s = 0; s < squeezed.size(); ++s)
      all = all && c.squeezed(channels(s)) == squeezed[s];
    if (all) return;
  }
}

/// The ratio by which every stage's channels give the middle of its blocks: the usual one, or that
/// of a stage. Middles are rounded to multiples of 8, so that of one stage may fit no other.
void set_bottle_ratio(ResNetV2Config& c, const std::vector<int64_t>& middles) {
  std::vector<double> ratios = {c.bottle_ratio};
  for (size_t s = 0; s < middles.size(); ++s) {
    if (c.channels[s] < 1) continue;
    ratios.push_back(static_cast<double>(middles[s]) / static_cast<double>(c.channels[s]));
  }
  for (const double ratio : ratios) {
    c.bottle_ratio = ratio;
    bool all = true;
    for (size_t s = 0; s < middles.size(); ++s) all = all && c.middle(c.channels[s]) == middles[s];
    if (all) return;
  }
}

}  // namespace

std::optional<ResNetV2Config> resnetv2_of_weights(const MappedWeights& weights,
                                                  const std::string& prefix,
                                                  const SourceFacts& facts, std::string_view path) {
  const Shapes shapes(weights, path);
  const bool staged = shapes.has(prefix + "stages.0.blocks.0.conv1.weight");
  const std::string stem = prefix + (staged ? "stem." : "");
  const bool deep = shapes.has(stem + "conv3.weight");
  const std::string last = stem + (deep ? "conv3.weight" : "conv.weight");
  if (!shapes.has(last)) return std::nullopt;
  const std::string first_block = prefix + "stages.0.blocks.0.";
  ResNetV2Config c;
  const bool batch = shapes.has(first_block + "norm1.running_mean");
  if (batch) c.norm.kind = ImageNormKind::kBatch;
  c.norm.groups = facts.groups;
  c.norm.gn_eps = facts.gn_eps;
  c.conv_eps = facts.conv_eps;
  c.conv_eps_form = facts.conv_eps_form;
  c.standardize = facts.standardize.value_or(!batch && !deep);
  c.avg_down = facts.avg_down.value_or(deep);
  c.stem = !facts.standardize && !c.standardize ? Stem::kPlain : facts.stem;
  if (deep) {
    const bool even = shapes.dim(stem + "conv1.weight", 0) == shapes.dim(stem + "conv2.weight", 0);
    c.stem = even ? Stem::kDeep : Stem::kTiered;
  } else if (c.deep()) {
    shapes.refuse(
        fmt::format("{} says a stem of three convolutions, the weights show one", facts.source));
  }
  c.stem_channels = shapes.dim(last, 0);
  c.basic = staged && !shapes.has(first_block + "conv3.weight");
  const int64_t stages = shapes.count(prefix + "stages.", 0, ".blocks.0.conv1.weight");
  for (int64_t s = 0; s < stages; ++s) {
    const std::string blocks = fmt::format("{}stages.{}.blocks.", prefix, s);
    c.layers.push_back(shapes.count(blocks, 0, ".conv1.weight"));
    c.channels.push_back(shapes.dim(blocks + (c.basic ? "0.conv2.weight" : "0.conv3.weight"), 0));
  }
  if (stages > 0) {
    c.preact = !shapes.has(first_block + "downsample.norm.weight");
    std::vector<int64_t> middles;
    middles.reserve(static_cast<size_t>(stages));
    for (int64_t s = 0; s < stages; ++s) {
      middles.push_back(shapes.dim(fmt::format("{}stages.{}.blocks.0.conv1.weight", prefix, s), 0));
    }
    set_bottle_ratio(c, middles);
  }
  shapes.require_valid(c);
  return c;
}

BitConfig bit_of_weights(const MappedWeights& weights, const SourceFacts& facts,
                         std::string_view path) {
  const Shapes shapes(weights, path);
  BitConfig c;
  const auto features = resnetv2_of_weights(weights, "", facts, path);
  if (!features) shapes.refuse("no ResNetV2: tensor stem.conv.weight is missing");
  c.backbone = *features;
  c.channels = shapes.dim(c.backbone.deep() ? "stem.conv1.weight" : "stem.conv.weight", 1);
  c.classes = shapes.has("head.fc.weight") ? shapes.dim("head.fc.weight", 0) : 0;
  set_image(c, facts);
  shapes.require_valid(c);
  return c;
}

ResNetConfig resnet_of_weights(const MappedWeights& weights, const SourceFacts& facts,
                               std::string_view path) {
  const Shapes shapes(weights, path);
  ResNetConfig c;
  const bool deep = shapes.has("conv1.0.weight");
  const std::string first = deep ? "conv1.0.weight" : "conv1.weight";
  if (deep) {
    c.stem_width = shapes.dim("conv1.3.weight", 0);
    const bool even = shapes.dim(first, 0) == c.stem_width;
    c.stem = even ? ResNetStem::kDeep : ResNetStem::kDeepTiered;
  }
  c.channels = shapes.dim(first, 1);
  const bool bottleneck = shapes.has("layer1.0.conv3.weight");
  c.block = bottleneck ? ResNetBlock::kBottleneck : ResNetBlock::kBasic;
  c.layers.clear();
  c.planes.clear();
  std::vector<int64_t> squeezed;  // of each stage
  const int64_t stages = shapes.count("layer", 1, ".0.conv1.weight");
  for (int64_t s = 1; s <= stages; ++s) {
    const std::string blocks = fmt::format("layer{}.", s);
    c.layers.push_back(shapes.count(blocks, 0, ".conv1.weight"));
    c.planes.push_back(shapes.dim(blocks + (bottleneck ? "0.conv3.weight" : "0.conv2.weight"), 0) /
                       c.expansion());
    c.avg_down = c.avg_down || shapes.has(blocks + "0.downsample.2.weight");
    const std::string squeeze = blocks + "0.se.fc1.weight";
    if (shapes.has(squeeze)) squeezed.push_back(shapes.dim(squeeze, 0));
  }
  if (!squeezed.empty()) c.attention = ChannelAttentionKind::kSqueeze;
  if (shapes.has("layer1.0.se.conv.weight")) c.attention = ChannelAttentionKind::kEfficient;
  set_se_ratio(c, squeezed);
  c.replace_stem_pool = shapes.has("maxpool.0.weight");
  if (!shapes.has("bn1.running_mean")) c.norm.kind = ImageNormKind::kGroup;
  c.norm.groups = facts.groups;
  c.norm.gn_eps = facts.gn_eps;
  const std::string middle = "layer1.0.conv2.weight";
  if (bottleneck && shapes.dim(middle, 1) > 0 && !c.planes.empty() && c.planes[0] > 0) {
    c.cardinality = shapes.dim(middle, 0) / shapes.dim(middle, 1);
    if (c.cardinality > 0) {
      c.base_width = shapes.dim(middle, 0) * 64 / (c.planes[0] * c.cardinality);
    }
  }
  c.classes = shapes.has("fc.weight") ? shapes.dim("fc.weight", 0) : 0;
  set_image(c, facts);
  shapes.require_valid(c);
  return c;
}

}  // namespace vitrine
