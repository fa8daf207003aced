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
  std::array<int64_t, 4> layers;
};
constexpr std::array<Depth, 3> kDepths = {
    {{"50", {3, 4, 6, 3}}, {"101", {3, 4, 23, 3}}, {"152", {3, 8, 36, 3}}}};

/// What is BiT's own; the other keys are those of the features.
template <class Config, class F>
void each_option(Config& c, F& f) {
  each_common_option(c, f);
  f("drop_rate", c.head_dropout);
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
  constexpr int64_t kMostTimes = 8;
  constexpr int64_t kFirstChannels = 256;
  BitConfig c;
  const std::string base = take_suffixes(name, c);
  std::string_view size = base;  // "50x1"
  if (!size.starts_with(kBegin) || !size.ends_with(kEnd)) return std::nullopt;
  size = size.substr(kBegin.size(), size.size() - kBegin.size() - kEnd.size());
  const size_t x = size.find('x');
  const auto* const depth = std::ranges::find(kDepths, size.substr(0, x), &Depth::name);
  if (depth == kDepths.end() || x == std::string_view::npos) return std::nullopt;
  int64_t times = 0;
  const auto [end, error] = std::from_chars(size.data() + x + 1, size.data() + size.size(), times);
  if (error != std::errc() || end != size.data() + size.size()) return std::nullopt;
  if (times < 1 || times > kMostTimes) return std::nullopt;
  c.backbone.layers.assign(depth->layers.begin(), depth->layers.end());
  for (int64_t stage = 0; stage < 4; ++stage) {
    c.backbone.channels.push_back((kFirstChannels << stage) * times);
  }
  c.backbone.stem_channels *= times;
  c.backbone.preact = true;
  c.backbone.stem = Stem::kFixed;
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
      std::ranges::fill_n(p.value.mutable_data(), p.value.numel(),
                          name.ends_with(".weight") ? 1.0F : 0.0F);
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
