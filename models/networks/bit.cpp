#include "models/networks/bit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "core/text/json_text.hpp"
#include "models/networks/config_check.hpp"
#include "models/networks/config_options.hpp"
#include "models/networks/init.hpp"
#include "models/networks/name_suffix.hpp"
#include "ops/reduce.hpp"

namespace vitrine {
namespace {

constexpr uint32_t kHeadMask = 0;        // the only mask
constexpr double kHeadDeviation = 0.01;  // as timm and the paper's authors have it

struct Depth {
  std::string_view name;
  bool basic;
  std::array<int64_t, 4> layers;
};
constexpr auto kDepths = std::to_array<Depth>({{"18", true, {2, 2, 2, 2}},
                                               {"34", true, {3, 4, 6, 3}},
                                               {"50", false, {3, 4, 6, 3}},
                                               {"101", false, {3, 4, 23, 3}},
                                               {"152", false, {3, 8, 36, 3}}});

/// What is BiT's own; the other keys are those of the features.
template <class Config, class F>
void each_option(Config& c, F& f) {
  each_common_option(c, f);
  f("drop_rate", c.head_dropout);
}

/// Stages of channels that double.
void set_stages(ResNetV2Config& c, const Depth& depth, int64_t first_channels) {
  c.layers.assign(depth.layers.begin(), depth.layers.end());
  for (int64_t stage = 0; stage < 4; ++stage) c.channels.push_back(first_channels << stage);
  c.preact = true;
}

/// Of "50x1", without what stands around it; whether it is one.
bool set_bit(ResNetV2Config& c, std::string_view size) {
  constexpr int64_t kMostTimes = 8;
  constexpr int64_t kFirstChannels = 256;
  const size_t x = size.find('x');
  const auto* const depth = std::ranges::find(kDepths, size.substr(0, x), &Depth::name);
  if (depth == kDepths.end() || depth->basic || x == std::string_view::npos) return false;
  int64_t times = 0;
  const auto [end, error] = std::from_chars(size.data() + x + 1, size.data() + size.size(), times);
  if (error != std::errc() || end != size.data() + size.size()) return false;
  if (times < 1 || times > kMostTimes) return false;
  set_stages(c, *depth, kFirstChannels * times);
  c.stem_channels *= times;
  c.stem = Stem::kFixed;
  return true;
}

/// Of "50", "50d", "50t" or "50d_gn": timm's own, with plain convolutions; whether it is one.
bool set_plain(ResNetV2Config& c, std::string_view name) {
  constexpr std::string_view kGroupNorm = "_gn";
  const bool group = name.ends_with(kGroupNorm);
  if (group) name.remove_suffix(kGroupNorm.size());
  if (name.ends_with('d') || name.ends_with('t')) {
    c.stem = name.back() == 'd' ? Stem::kDeep : Stem::kTiered;
    c.avg_down = true;
    name.remove_suffix(1);
  } else {
    c.stem = Stem::kPlain;
  }
  const auto* const depth = std::ranges::find(kDepths, name, &Depth::name);
  if (depth == kDepths.end()) return false;
  c.basic = depth->basic;
  if (c.basic) c.bottle_ratio = 1;
  set_stages(c, *depth, c.basic ? 64 : 256);
  c.standardize = false;
  if (!group) c.norm.kind = ImageNormKind::kBatch;
  return true;
}

}  // namespace

void BitConfig::each_layer(const LayerVisitor& f) const {
  backbone.each_layer("", channels, {image_height, image_width}, f);
  const LayerTeller network{f};
  network("global_pool", {features()});
  if (classes > 0) network.product("head.fc", features(), {classes}, true);
}

void BitConfig::validate() const {
  validate_common();
  require_rate("drop_rate", head_dropout);
  backbone.validate();
  require(!backbone.layers.empty(), "a network of the stem alone has nothing to put a head on");
}

std::string BitConfig::summary() const {
  return fmt::format("{}; {} x {} pixels", backbone.summary(), image_height, image_width);
}

nlohmann::json BitConfig::to_json() const {
  OptionWriter writer;
  writer.object = backbone.to_json();
  writer("kind", "resnetv2");
  each_option(*this, writer);
  return std::move(writer.object);
}

BitConfig BitConfig::from_json(nlohmann::json all) {
  return read_network_config<BitConfig>(std::move(all), [](BitConfig& c, nlohmann::json object) {
    object.erase("kind");
    OptionReader reader(std::move(object));
    each_option(c, reader);
    c.backbone = ResNetV2Config::from_json(reader.rest());
  });
}

std::unique_ptr<Network> BitConfig::build() const { return std::make_unique<Bit>(*this); }

std::optional<BitConfig> bit_config(std::string_view name) {
  constexpr std::string_view kBegin = "resnetv2_";
  constexpr std::string_view kEnd = "_bit";
  if (!name.starts_with(kBegin)) return std::nullopt;
  name.remove_prefix(kBegin.size());
  BitConfig c;
  // The depth is no number of pixels.
  const size_t kept = std::min(name.find('_'), name.size());
  const std::string behind = take_suffixes("x" + std::string(name.substr(kept)), c).substr(1);
  const std::string all = std::string(name.substr(0, kept)) + behind;
  std::string_view size = all;
  const bool bit = size.ends_with(kEnd);
  if (bit) size.remove_suffix(kEnd.size());
  if (!(bit ? set_bit(c.backbone, size) : set_plain(c.backbone, size))) return std::nullopt;
  c.validate();
  return c;
}

Bit::Bit(const BitConfig& c) : config(c), backbone((c.validate(), c.backbone), c.channels) {
  if (c.classes == 0) return;
  head_weight.value = Tensor::empty({c.classes, c.backbone.out_channels(), 1, 1});
  head_bias.value = Tensor::empty({c.classes});
}

Tensor Bit::features(const Tensor& images, const Pass& pass) const {
  check_images("bit", images);
  const Tensor x = backbone(images, pass, "");  // (B, H', W', F)
  Tensor y = mean(x, {1, 2}, false);            // (B, F)
  pass.report("global_pool", y);
  return y;
}

Tensor Bit::operator()(const Tensor& images, const Pass& pass) const {
  Tensor y = features(images, pass);
  if (config.classes == 0) return y;
  const int64_t batch = y.dim(0);
  if (pass.training && config.head_dropout > 0) {
    y = dropout(y, static_cast<float>(config.head_dropout), {pass.seed, pass.step, kHeadMask});
  }
  y = conv2d(y.reshape({batch, 1, 1, config.features()}), head_weight.value, head_bias.value)
          .reshape({batch, config.classes});
  pass.report("head", y);
  return y;
}

void Bit::initialize(uint64_t seed, WeightInit scheme) {
  require(scheme == WeightInit::kTimm, "a ResNetV2 has timm's initial values only");
  visit([&](const std::string& name, Parameter& p, Role role) {
    if (name == "head.fc.weight") {
      fill_truncated_normal(p.value, kHeadDeviation, seed, name);
    } else if (role == Role::kWeight) {
      fill_he_normal(p.value, seed, name);
    } else {
      std::ranges::fill_n(
          p.value.mutable_data(), p.value.numel(),
          name.ends_with(".weight") || name.ends_with(".running_var") ? 1.0F : 0.0F);
    }
  });
}

void Bit::resize(int64_t image_height, int64_t image_width, PositionResampling) {
  config = for_image_size(config, image_height, image_width);
}

void Bit::freeze() {
  backbone.freeze();
  visit([](const std::string&, Parameter& p, Role) { p.value.freeze(); });
  if (head_weight.defined() && !packed_precision(head_weight.value)) {
    pack_conv2d_weight(head_weight.value);
  }
}

int64_t Bit::layers() const { return backbone.config.blocks() + 2; }

int64_t Bit::layer_of(std::string_view parameter) const {
  if (parameter.starts_with("head.") || parameter.starts_with("norm.")) return layers() - 1;
  return backbone.config.layer_of(parameter);
}

}  // namespace vitrine
