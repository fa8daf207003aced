#include "models/networks/resnet_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text/enum_names.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/config_check.hpp"
#include "models/networks/config_options.hpp"
#include "models/networks/name_suffix.hpp"
#include "models/networks/resnet.hpp"

namespace vitrine {
namespace {

constexpr size_t kMaxStages = 8;
constexpr int64_t kMaxLayers = 128;
constexpr int64_t kMaxPlanes = int64_t{1} << 12;
constexpr int64_t kStemKernel = 7;

constexpr EnumNames<ResNetBlock, 2> kBlocks = {
    {{ResNetBlock::kBasic, "basic"}, {ResNetBlock::kBottleneck, "bottleneck"}}};
constexpr EnumNames<ResNetStem, 3> kStems = {{{ResNetStem::kPlain, ""},
                                              {ResNetStem::kDeep, "deep"},
                                              {ResNetStem::kDeepTiered, "deep_tiered"}}};

constexpr EnumNames<ChannelAttentionKind, 3> kAttentions = {
    {{ChannelAttentionKind::kNone, ""},
     {ChannelAttentionKind::kSqueeze, "se"},
     {ChannelAttentionKind::kEfficient, "eca"}}};

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
  f("replace_stem_pool", c.replace_stem_pool);
  f("attn", c.attention, kAttentions);
  f("se_ratio", c.se_ratio);
  each_norm_option(c.norm, f);
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

/// What weighs the channels of `y` (H, W, C).
void tell_attention(const ResNetConfig& c, const LayerTeller& block, const Shape& y) {
  const int64_t channels = y.dim(-1);
  if (c.attention == ChannelAttentionKind::kSqueeze) {
    const int64_t squeezed = c.squeezed(channels);
    block.product("se.fc1", channels, {squeezed}, true);
    block.product("se.fc2", squeezed, {channels}, true);
  } else if (c.attention == ChannelAttentionKind::kEfficient) {
    const int64_t kernel = ResNetConfig::eca_kernel(channels);
    block("se.conv", {channels}, kernel, kernel * channels);
  }
}

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
  tell_attention(c, block, y);
  const bool shrinks = stage > 0;  // the first block of all stages but the first
  if (!s.first || (!shrinks && s.in == y.dim(-1))) return;
  if (!c.avg_down) {
    tell_conv(block, "downsample.0", "downsample.1", s.in, y);
    return;
  }
  if (shrinks) block("downsample.0", {s.after.h, s.after.w, s.in});
  tell_conv(block, "downsample.1", "downsample.2", s.in, y);
}

struct Depth {
  int64_t depth;
  ResNetBlock block;
  std::array<int64_t, 4> layers;
};
constexpr auto kDepths = std::to_array<Depth>({{10, ResNetBlock::kBasic, {1, 1, 1, 1}},
                                               {14, ResNetBlock::kBottleneck, {1, 1, 1, 1}},
                                               {18, ResNetBlock::kBasic, {2, 2, 2, 2}},
                                               {26, ResNetBlock::kBottleneck, {2, 2, 2, 2}},
                                               {34, ResNetBlock::kBasic, {3, 4, 6, 3}},
                                               {50, ResNetBlock::kBottleneck, {3, 4, 6, 3}},
                                               {101, ResNetBlock::kBottleneck, {3, 4, 23, 3}},
                                               {152, ResNetBlock::kBottleneck, {3, 8, 36, 3}},
                                               {200, ResNetBlock::kBottleneck, {3, 24, 36, 3}},
                                               {269, ResNetBlock::kBottleneck, {3, 30, 48, 8}},
                                               {270, ResNetBlock::kBottleneck, {4, 29, 53, 4}},
                                               {350, ResNetBlock::kBottleneck, {4, 36, 72, 4}},
                                               {420, ResNetBlock::kBottleneck, {4, 44, 87, 4}}});

/// The stem and the shortcuts of a letter behind the depth; whether it is one.
bool set_letter(ResNetConfig& c, std::string_view letter) {
  if (letter.empty()) return true;
  if (letter != "c" && letter != "d" && letter != "s" && letter != "t") return false;
  c.stem = letter == "t" ? ResNetStem::kDeepTiered : ResNetStem::kDeep;
  c.stem_width = letter == "s" ? 64 : 32;
  c.avg_down = letter == "d" || letter == "t";
  return true;
}

/// Takes a number off the front.
std::optional<int64_t> take_number(std::string_view& text) {
  constexpr size_t kMostDigits = 4;
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > kMostDigits) return std::nullopt;
  const int64_t value = leading_number(text);
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view begin) {
  if (!text.starts_with(begin)) return false;
  text.remove_prefix(begin.size());
  return true;
}

/// Takes the depth off the front; whether it is one.
bool take_depth(ResNetConfig& c, std::string_view& name) {
  const std::optional<int64_t> depth = take_number(name);
  const auto* const known = std::ranges::find(kDepths, depth, &Depth::depth);
  if (known == kDepths.end()) return false;
  c.block = known->block;
  c.layers.assign(known->layers.begin(), known->layers.end());
  return true;
}

/// ResNet-RS (Bello et al. 2021, arXiv 2103.07579), of a depth.
bool set_rs(ResNetConfig& c, std::string_view depth) {
  set_letter(c, "d");
  c.replace_stem_pool = true;
  c.attention = ChannelAttentionKind::kSqueeze;
  c.se_ratio = 0.25;
  return take_depth(c, depth) && depth.empty() && c.block == ResNetBlock::kBottleneck;
}

/// ResNeXt (Xie et al. 2016, arXiv 1611.05431), of what stands behind the letter: "_32x4d".
bool set_groups(ResNetConfig& c, std::string_view groups) {
  if (c.block != ResNetBlock::kBottleneck || !take(groups, "_")) return false;
  const std::optional<int64_t> cardinality = take_number(groups);
  if (!cardinality || !take(groups, "x")) return false;
  const std::optional<int64_t> width = take_number(groups);
  if (!width || groups != "d") return false;
  c.cardinality = *cardinality;
  c.base_width = *width;
  return true;
}

/// A wide ResNet (Zagoruyko, Komodakis 2016, arXiv 1605.07146), of what follows "wide_".
bool set_wide(ResNetConfig& c, std::string_view name) {
  c.base_width = 128;
  return take(name, "resnet") && take_depth(c, name) && name == "_2" &&
         c.block == ResNetBlock::kBottleneck;
}

/// Of a name without what may stand behind it; whether it is one.
bool set_name(ResNetConfig& c, std::string_view name) {
  if (take(name, "wide_")) return set_wide(c, name);
  if (take(name, "resnetrs")) return set_rs(c, name);
  if (take(name, "se")) {
    c.attention = ChannelAttentionKind::kSqueeze;
  } else if (take(name, "eca")) {
    c.attention = ChannelAttentionKind::kEfficient;
    if (name == "resnext50t_32x4d") name = "resnext26t_32x4d";  // timm's has as few layers
  }
  if (name == "resnetlight" && c.attention == ChannelAttentionKind::kEfficient) {
    c.layers = {1, 1, 11, 3};
    c.avg_down = true;
    return true;
  }
  const bool groups = take(name, "resnext");
  if (!groups && !take(name, "resnet")) return false;
  if (!take_depth(c, name)) return false;
  const size_t letter = std::min(name.find('_'), name.size());
  if (!set_letter(c, name.substr(0, letter))) return false;
  name.remove_prefix(letter);
  if (groups) return set_groups(c, name);
  if (name == "_gn") c.norm.kind = ImageNormKind::kGroup;
  return name.empty() || name == "_gn";
}

}  // namespace

int64_t ResNetConfig::squeezed(int64_t block_channels) const {
  constexpr int64_t kDivisor = 8;
  const double wanted = static_cast<double>(block_channels) * se_ratio;
  return std::max(kDivisor, static_cast<int64_t>(wanted + 0.5 * kDivisor) / kDivisor * kDivisor);
}

int64_t ResNetConfig::eca_kernel(int64_t block_channels) {
  const double log2 = std::log(static_cast<double>(block_channels)) / std::log(2.0);
  const auto wanted = static_cast<int64_t>((log2 + 1) / 2);
  return std::max<int64_t>(wanted % 2 == 1 ? wanted : wanted + 1, 3);
}

int64_t ResNetConfig::middle(size_t stage) const {
  return block == ResNetBlock::kBasic ? planes[stage]
                                      : planes[stage] * base_width / 64 * cardinality;
}

void ResNetConfig::each_layer(const LayerVisitor& f) const {
  const LayerTeller network{f};
  Size2d size = halved({image_height, image_width});
  const auto image = [&](int64_t c) { return Shape{size.h, size.w, c}; };
  if (deep()) {
    tell_conv(network, "conv1.0", "conv1.1", 3 * 3 * channels, image(first_channels()));
    tell_conv(network, "conv1.3", "conv1.4", 3 * 3 * first_channels(), image(stem_width));
    tell_conv(network, "conv1.6", "bn1", 3 * 3 * stem_width, image(stem_channels()));
  } else {
    tell_conv(network, "conv1", "bn1", kStemKernel * kStemKernel * channels,
              image(stem_channels()));
  }
  size = halved(size);
  if (replace_stem_pool) {
    tell_conv(network, "maxpool.0", "maxpool.1", 3 * 3 * stem_channels(), image(stem_channels()));
  } else {
    network("maxpool", image(stem_channels()));
  }
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
  require_in("stem_width", stem_width, stem == ResNetStem::kDeepTiered ? 4 : 1, kMaxPlanes);
  require_in("cardinality", cardinality, 1, kMaxPlanes);
  require_in("base_width", base_width, 1, kMaxPlanes);
  require(block == ResNetBlock::kBottleneck || (cardinality == 1 && base_width == 64),
          "basic blocks have neither cardinality nor base_width");
  for (size_t s = 0; s < layers.size(); ++s) {
    require_in("layers", layers[s], 1, kMaxLayers);
    require_in("channels", planes[s], 1, kMaxPlanes);
    require_in("width of a bottleneck's middle", middle(s), 1, 4 * kMaxPlanes);
    require(middle(s) % cardinality == 0, "cardinality must divide a bottleneck's middle");
    norm.validate(middle(s));
    norm.validate(planes[s] * expansion());
  }
  require(se_ratio > 0 && se_ratio <= 1,
          fmt::format("se_ratio must be in (0, 1], got {}", se_ratio));
  norm.validate();
  norm.validate(stem_channels());
  if (deep()) norm.validate(first_channels());
  if (deep()) norm.validate(stem_width);
  require_rate("drop_rate", head_dropout);
  require_rate("drop_path_rate", drop_path);
}

std::string ResNetConfig::summary() const {
  std::string more;
  if (cardinality > 1) more += fmt::format("; {} groups of {}", cardinality, base_width);
  if (cardinality == 1 && base_width != 64) more += fmt::format("; base width {}", base_width);
  if (attention == ChannelAttentionKind::kSqueeze) more += "; squeeze and excitation";
  if (attention == ChannelAttentionKind::kEfficient) more += "; ECA";
  if (!norm.batch()) more += fmt::format("; group norm, {} groups", norm.groups);
  return fmt::format(
      "{} blocks per stage: {}; channels {}; stem {} of {} channels{}; {} x {} pixels",
      name_of(kBlocks, block), fmt::join(layers, ", "), fmt::join(planes, ", "),
      deep() ? "3 x (3 x 3)" : "7 x 7", stem_channels(), more, image_height, image_width);
}

nlohmann::json ResNetConfig::to_json() const {
  OptionWriter writer;
  writer("kind", "resnet");
  each_option(*this, writer);
  return std::move(writer.object);
}

ResNetConfig ResNetConfig::from_json(nlohmann::json all) {
  return read_network_config<ResNetConfig>(std::move(all),
                                           [](ResNetConfig& c, nlohmann::json object) {
                                             object.erase("kind");
                                             OptionReader reader(std::move(object));
                                             each_option(c, reader);
                                             reader.refuse_unknown();
                                           });
}

std::unique_ptr<Network> ResNetConfig::build() const { return std::make_unique<ResNet>(*this); }

std::optional<ResNetConfig> resnet_config(std::string_view name) {
  ResNetConfig c;
  // "_2" of wide_resnet50_2 is no number of pixels.
  constexpr std::string_view kWide = "_2";
  const size_t wide = name.starts_with("wide_") ? name.find(kWide) : std::string_view::npos;
  const size_t kept = wide == std::string_view::npos ? 0 : wide + kWide.size();
  const std::string behind = take_suffixes("x" + std::string(name.substr(kept)), c).substr(1);
  if (!set_name(c, std::string(name.substr(0, kept)) + behind)) return std::nullopt;
  c.validate();
  return c;
}

}  // namespace vitrine
