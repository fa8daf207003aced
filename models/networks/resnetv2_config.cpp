#include "models/networks/resnetv2_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "core/error.hpp"
#include "core/text/enum_names.hpp"
#include "core/text/json_options.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/config_check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kMaxStages = 8;
constexpr int64_t kMaxLayers = 128;
constexpr int64_t kMaxChannels = int64_t{1} << 13;
constexpr int64_t kStemKernel = 7;

constexpr EnumNames<Stem, 5> kStems = {{{Stem::kSame, "same"},
                                        {Stem::kFixed, "fixed"},
                                        {Stem::kPlain, ""},
                                        {Stem::kDeep, "deep"},
                                        {Stem::kTiered, "tiered"}}};

constexpr EnumNames<bool, 2> kConvolutions = {{{true, "std"}, {false, "plain"}}};

constexpr EnumNames<StandardizeForm, 2> kForms = {
    {{StandardizeForm::kRoot, "root"}, {StandardizeForm::kSum, "sum"}}};

/// The one list of options that writing and reading share.
template <class Options, class F>
void each_option(Options& o, F& f) {
  f("layers", o.layers);
  f("channels", o.channels);
  f("stem_chs", o.stem_channels);
  f("bottle_ratio", o.bottle_ratio);
  f("preact", o.preact);
  f("stem_type", o.stem, kStems);
  f("basic", o.basic);
  f("avg_down", o.avg_down);
  each_norm_option(o.norm, f);
  f("conv", o.standardize, kConvolutions);
  f("conv_eps", o.conv_eps);
  f("conv_eps_form", o.conv_eps_form, kForms);
}

int64_t halved(int64_t n) { return (n + 1) / 2; }
Size2d halved(Size2d s) { return {halved(s.h), halved(s.w)}; }

struct BlockSizes {
  int64_t in, out;  // channels
  Size2d before, after;
  bool projects;  // the shortcut is a convolution
};

/// The layers of a block. The sum of the branch and the shortcut counts nothing.
void tell_block(const ResNetV2Config& c, const LayerTeller& block, const BlockSizes& s) {
  const int64_t middle = c.middle(s.out);
  const Shape x{s.before.h, s.before.w, s.in};
  const Shape wide{s.before.h, s.before.w, middle};
  const Shape narrow{s.after.h, s.after.w, middle};
  const Shape y{s.after.h, s.after.w, s.out};
  if (c.preact) block.norm("norm1", x);
  if (s.projects && c.avg_down && s.before != s.after) {
    block("downsample.pool", {s.after.h, s.after.w, s.in});
  }
  if (s.projects) block.product("downsample.conv", s.in, y, false);
  if (s.projects && !c.preact) block.norm("downsample.norm", y);
  if (c.basic) {
    block.product("conv1", 3 * 3 * s.in, narrow, false);
    block.norm("norm2", narrow);
    block.product("conv2", 3 * 3 * middle, y, false);
    return;
  }
  block.product("conv1", s.in, wide, false);
  block.norm(c.preact ? "norm2" : "norm1", wide);
  block.product("conv2", 3 * 3 * middle, narrow, false);
  block.norm(c.preact ? "norm3" : "norm2", narrow);
  block.product("conv3", middle, y, false);
  if (!c.preact) block.norm("norm3", y);
}

/// The layers of the stem up to its pool, for results of `size`.
void tell_stem(const ResNetV2Config& c, const LayerTeller& network, const std::string& prefix,
               int64_t in_channels, Size2d size) {
  const auto image = [&](int64_t channels) { return Shape{size.h, size.w, channels}; };
  if (!c.deep()) {
    network.product(prefix + "conv", in_channels * kStemKernel * kStemKernel,
                    image(c.stem_channels), false);
    if (!c.preact) network.norm(prefix + "norm", image(c.stem_channels));
    return;
  }
  network.product(prefix + "conv1", 3 * 3 * in_channels, image(c.stem_middle(0)), false);
  network.norm(prefix + "norm1", image(c.stem_middle(0)));
  network.product(prefix + "conv2", 3 * 3 * c.stem_middle(0), image(c.stem_middle(1)), false);
  network.norm(prefix + "norm2", image(c.stem_middle(1)));
  network.product(prefix + "conv3", 3 * 3 * c.stem_middle(1), image(c.stem_channels), false);
}

}  // namespace

int64_t ResNetV2Config::middle(int64_t block_channels) const {
  constexpr int64_t kDivisor = 8;
  const double wanted = static_cast<double>(block_channels) * bottle_ratio;
  const int64_t rounded =
      std::max(kDivisor, static_cast<int64_t>(wanted + 0.5 * kDivisor) / kDivisor * kDivisor);
  return static_cast<double>(rounded) < 0.9 * wanted ? rounded + kDivisor : rounded;
}

int64_t ResNetV2Config::layer_of(std::string_view parameter) const {
  constexpr std::string_view kStages = "stages.";
  constexpr std::string_view kBlocks = ".blocks.";
  if (!parameter.starts_with(kStages)) return 0;
  size_t stage = 0;
  int64_t block = 0;
  const char* const end = parameter.data() + parameter.size();
  const auto [point, error] = std::from_chars(parameter.data() + kStages.size(), end, stage);
  std::from_chars(point + kBlocks.size(), end, block);
  const auto first = layers.begin();
  return std::accumulate(first, first + static_cast<int64_t>(stage), block + 1);
}

Size2d ResNetV2Config::grid(Size2d image) const {
  Size2d size = halved(halved(image));
  for (size_t s = 1; s < layers.size(); ++s) size = halved(size);
  return size;
}

void ResNetV2Config::each_layer(const std::string& name, int64_t in_channels, Size2d image,
                                const LayerVisitor& f) const {
  const std::string prefix = name.empty() ? "" : name + ".";
  const std::string stem_prefix = layers.empty() ? prefix : prefix + "stem.";
  const LayerTeller network{f};
  Size2d size = halved(image);
  tell_stem(*this, network, stem_prefix, in_channels, size);
  size = halved(size);
  network(stem_prefix + "pool", {size.h, size.w, stem_channels});
  int64_t in = stem_channels;
  for (size_t s = 0; s < layers.size(); ++s) {
    for (int64_t b = 0; b < layers[s]; ++b) {
      const Size2d before = size;
      if (s > 0 && b == 0) size = halved(size);
      tell_block(*this, {f, fmt::format("{}stages.{}.blocks.{}", prefix, s, b)},
                 {in, channels[s], before, size, b == 0 && projects(s, in)});
      in = channels[s];
    }
  }
  if (preact) network.norm(prefix + "norm", {size.h, size.w, in});
}

void ResNetV2Config::validate() const {
  const auto stages = static_cast<int64_t>(layers.size());
  require(stages <= kMaxStages && layers.size() == channels.size(),
          fmt::format("layers and channels must be lists of one length, at most {}", kMaxStages));
  for (const int64_t n : layers) {
    require(n >= 1 && n <= kMaxLayers,
            fmt::format("a stage has 1 to {} layers, got {}", kMaxLayers, n));
  }
  require(bottle_ratio > 0 && bottle_ratio <= 1,
          fmt::format("bottle_ratio must be in (0, 1], got {}", bottle_ratio));
  require(preact || !(basic || avg_down || deep()),
          "basic blocks, avg_down and deep stems are with preact alone");
  norm.validate();
  const auto require_channels = [&](int64_t n) {
    require_in("channels", n, 1, kMaxChannels);
    norm.validate(n);
  };
  require_channels(stem_channels);
  if (deep()) {
    require(stem_channels % 8 == 0, "a deep stem's stem_chs must be a multiple of 8");
    require_channels(stem_middle(0));
    require_channels(stem_middle(1));
  }
  for (const int64_t n : channels) {
    require_channels(n);
    require_channels(middle(n));
  }
  require(conv_eps >= 0 && conv_eps < 1, "eps must be in [0, 1)");
}

std::string ResNetV2Config::summary() const {
  const std::string_view order = preact ? "pre" : "post";
  if (layers.empty()) return fmt::format("a stem of {} channels", stem_channels);
  std::string more;
  if (deep()) more += "; stem 3 x (3 x 3)";
  if (norm.batch()) more += "; batch norm";
  if (!standardize) more += "; plain convolutions";
  if (avg_down) more += "; shortcuts by averages";
  return fmt::format("{}-activation {}blocks per stage: {}; channels {}{}", order,
                     basic ? "basic " : "", fmt::join(layers, ", "), fmt::join(channels, ", "),
                     more);
}

nlohmann::json ResNetV2Config::to_json() const {
  OptionWriter writer;
  each_option(*this, writer);
  return std::move(writer.object);
}

ResNetV2Config ResNetV2Config::from_json(nlohmann::json object) {
  ResNetV2Config config;
  OptionReader reader(std::move(object));
  each_option(config, reader);
  reader.refuse_unknown();
  config.validate();
  return config;
}

}  // namespace vitrine
