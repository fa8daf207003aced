#include "models/resnet_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "core/enum_names.hpp"
#include "core/json_text.hpp"
#include "models/config_check.hpp"
#include "models/json_options.hpp"
#include "models/name_suffix.hpp"
#include "models/resnet.hpp"

namespace vitrine {
namespace {

constexpr size_t kMaxStages = 8;
constexpr int64_t kMaxLayers = 128;
constexpr int64_t kMaxPlanes = int64_t{1} << 12;
constexpr int64_t kStemKernel = 7;

constexpr EnumNames<ResNetBlock, 2> kBlocks = {
    {{ResNetBlock::kBasic, "basic"}, {ResNetBlock::kBottleneck, "bottleneck"}}};
constexpr EnumNames<ResNetStem, 2> kStems = {
    {{ResNetStem::kPlain, ""}, {ResNetStem::kDeep, "deep"}}};

/// The one list of options that writing and reading share.
template <class Config, class F>
void each_option(Config& c, F& f) {
  each_common_option(c, f);
  f("block", c.block, kBlocks);
  f("layers", c.layers);
  f("channels", c.planes);
  f("stem_type", c.stem, kStems);
  f("stem_width", c.stem_width);
  f("avg_down", c.avg_down);
  f("cardinality", c.cardinality);
  f("base_width", c.base_width);
  f("bn_eps", c.bn_eps);
  f("bn_momentum", c.bn_momentum);
  f("drop_rate", c.head_dropout);
  f("drop_path_rate", c.drop_path);
}

Size2d halved(Size2d s) { return {(s.h + 1) / 2, (s.w + 1) / 2}; }

/// A convolution, each number of its result a sum of `fan_in` products, and the norm behind it.
void tell_conv(const LayerTeller& to, std::string conv, std::string norm, int64_t fan_in,
               const Shape& result) {
  to.product(std::move(conv), fan_in, result, false);
  to.norm(std::move(norm), result);
}

struct BlockSizes {
  int64_t in;  // channels
  Size2d before, after;
  bool first;  // of its stage
};

/// The layers of a residual block. The sum of the branch and the shortcut counts nothing.
void tell_block(const ResNetConfig& c, size_t stage, const LayerTeller& block,
                const BlockSizes& s) {
  const int64_t middle = c.middle(stage);
  const Shape y{s.after.h, s.after.w, c.planes[stage] * c.expansion()};
  if (c.block == ResNetBlock::kBasic) {
    tell_conv(block, "conv1", "bn1", 3 * 3 * s.in, {s.after.h, s.after.w, middle});
    tell_conv(block, "conv2", "bn2", 3 * 3 * middle, y);
  } else {
    tell_conv(block, "conv1", "bn1", s.in, {s.before.h, s.before.w, middle});
    tell_conv(block, "conv2", "bn2", 3 * 3 * middle / c.cardinality,
              {s.after.h, s.after.w, middle});
    tell_conv(block, "conv3", "bn3", middle, y);
  }
  const bool shrinks = stage > 0;  // the first block of all stages but the first
  if (!s.first || (!shrinks && s.in == y.dim(-1))) return;
  if (!c.avg_down) {
    tell_conv(block, "downsample.0", "downsample.1", s.in, y);
    return;
  }
  if (shrinks) block("downsample.0", {s.after.h, s.after.w, s.in});
  tell_conv(block, "downsample.1", "downsample.2", s.in, y);
}

struct Known {
  std::string_view name;
  ResNetBlock block;
  std::array<int64_t, 4> layers;
};
constexpr std::array<Known, 6> kKnown = {{{"resnet18", ResNetBlock::kBasic, {2, 2, 2, 2}},
                                          {"resnet26", ResNetBlock::kBottleneck, {2, 2, 2, 2}},
                                          {"resnet34", ResNetBlock::kBasic, {3, 4, 6, 3}},
                                          {"resnet50", ResNetBlock::kBottleneck, {3, 4, 6, 3}},
                                          {"resnet101", ResNetBlock::kBottleneck, {3, 4, 23, 3}},
                                          {"resnet152", ResNetBlock::kBottleneck, {3, 8, 36, 3}}}};

}  // namespace

int64_t ResNetConfig::middle(size_t stage) const {
  return block == ResNetBlock::kBasic ? planes[stage]
                                      : planes[stage] * base_width / 64 * cardinality;
}

void ResNetConfig::each_layer(const LayerVisitor& f) const {
  const LayerTeller network{f};
  Size2d size = halved({image_height, image_width});
  const auto image = [&](int64_t c) { return Shape{size.h, size.w, c}; };
  if (stem == ResNetStem::kDeep) {
    tell_conv(network, "conv1.0", "conv1.1", 3 * 3 * channels, image(stem_width));
    tell_conv(network, "conv1.3", "conv1.4", 3 * 3 * stem_width, image(stem_width));
    tell_conv(network, "conv1.6", "bn1", 3 * 3 * stem_width, image(stem_channels()));
  } else {
    tell_conv(network, "conv1", "bn1", kStemKernel * kStemKernel * channels,
              image(stem_channels()));
  }
  size = halved(size);
  network("maxpool", image(stem_channels()));
  int64_t in = stem_channels();
  for (size_t s = 0; s < layers.size(); ++s) {
    for (int64_t b = 0; b < layers[s]; ++b) {
      const Size2d before = size;
      if (s > 0 && b == 0) size = halved(size);
      tell_block(*this, s, {f, fmt::format("layer{}.{}", s + 1, b)}, {in, before, size, b == 0});
      in = planes[s] * expansion();
    }
  }
  network("global_pool", {features()});
  if (classes > 0) network.product("fc", features(), {classes}, true);
}

void ResNetConfig::validate() const {
  validate_common();
  require(!layers.empty() && layers.size() <= kMaxStages && layers.size() == planes.size(),
          fmt::format("layers and channels must be lists of one length, 1 to {}", kMaxStages));
  require_in("stem_width", stem_width, 1, kMaxPlanes);
  require_in("cardinality", cardinality, 1, kMaxPlanes);
  require_in("base_width", base_width, 1, kMaxPlanes);
  require(block == ResNetBlock::kBottleneck || (cardinality == 1 && base_width == 64),
          "basic blocks have neither cardinality nor base_width");
  for (size_t s = 0; s < layers.size(); ++s) {
    require_in("layers", layers[s], 1, kMaxLayers);
    require_in("channels", planes[s], 1, kMaxPlanes);
    require_in("width of a bottleneck's middle", middle(s), 1, 4 * kMaxPlanes);
    require(middle(s) % cardinality == 0, "cardinality must divide a bottleneck's middle");
  }
  require(bn_eps >= 0 && bn_eps < 1, "bn_eps must be in [0, 1)");
  require(bn_momentum > 0 && bn_momentum <= 1, "bn_momentum must be in (0, 1]");
  require_rate("drop_rate", head_dropout);
  require_rate("drop_path_rate", drop_path);
}

std::string ResNetConfig::summary() const {
  return fmt::format("{} blocks per stage: {}; channels {}; stem {} of {} channels; {} x {} pixels",
                     name_of(kBlocks, block), fmt::join(layers, ", "), fmt::join(planes, ", "),
                     stem == ResNetStem::kDeep ? "3 x (3 x 3)" : "7 x 7", stem_channels(),
                     image_height, image_width);
}

std::string ResNetConfig::to_json() const {
  OptionWriter writer;
  writer("kind", "resnet");
  each_option(*this, writer);
  return write_json(writer.object);
}

ResNetConfig ResNetConfig::from_json(std::string_view text) {
  return read_network_config<ResNetConfig>(text, [](ResNetConfig& c, nlohmann::json object) {
    object.erase("kind");
    OptionReader reader(std::move(object));
    each_option(c, reader);
    reader.refuse_unknown();
  });
}

std::unique_ptr<Network> ResNetConfig::build() const { return std::make_unique<ResNet>(*this); }

std::optional<ResNetConfig> resnet_config(std::string_view name) {
  ResNetConfig c;
  const std::string base = take_suffixes(name, c);
  const bool d = base.ends_with('d');
  const std::string_view plain = std::string_view(base).substr(0, base.size() - (d ? 1 : 0));
  for (const Known& known : kKnown) {
    if (known.name != plain || (plain == "resnet26" && !d)) continue;
    c.block = known.block;
    c.layers.assign(known.layers.begin(), known.layers.end());
    if (d) {
      c.stem = ResNetStem::kDeep;
      c.stem_width = 32;
      c.avg_down = true;
    }
    c.validate();
    return c;
  }
  return std::nullopt;
}

}  // namespace vitrine
