#include "models/vit_config.hpp"

#include <fmt/format.h>

#include <regex>

#include "core/enum_names.hpp"
#include "core/error.hpp"
#include "core/json_text.hpp"
#include "models/config_check.hpp"
#include "models/json_options.hpp"
#include "models/vit.hpp"
#include "models/vit_siblings.hpp"
#include "models/vit_sizes.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

// Far beyond every published network, and small enough that parameters() and macs() fit 63 bits.
constexpr int64_t kMaxWidth = int64_t{1} << 14;
constexpr int64_t kMaxDepth = int64_t{1} << 10;
constexpr int64_t kMaxTokens = int64_t{1} << 16;
constexpr double kMaxMlpRatio = 16;

constexpr double kUsualLayerScale = 1e-5;

constexpr EnumNames<Activation, 4> kActivations = {{{Activation::kGelu, "gelu"},
                                                    {Activation::kGeluTanh, "gelu_tanh"},
                                                    {Activation::kQuickGelu, "quick_gelu"},
                                                    {Activation::kRelu, "relu"}}};
constexpr EnumNames<Activation, 4> kActivationTexts = {{{Activation::kGelu, "GELU by erf"},
                                                        {Activation::kGeluTanh, "GELU by tanh"},
                                                        {Activation::kQuickGelu, "quick GELU"},
                                                        {Activation::kRelu, "ReLU"}}};
constexpr EnumNames<Pool, 2> kPools = {{{Pool::kToken, "token"}, {Pool::kMean, "avg"}}};
constexpr EnumNames<Position, 4> kPositions = {{{Position::kNone, "none"},
                                                {Position::kLearned, "learned"},
                                                {Position::kSinCosMoco, "sincos_moco"},
                                                {Position::kSinCosMae, "sincos_mae"}}};

/// The one list of options that writing and reading share.
template <class Config, class F>
void each_option(Config& c, F& f) {
  each_common_option(c, f);
  f.size("patch_size", c.patch_height, c.patch_width);
  f("patch_bias", c.patch_bias);
  f.nested("backbone", c.backbone);
  f("embed_dim", c.width);
  f("depth", c.depth);
  f("num_heads", c.heads);
  f("mlp_ratio", c.mlp_ratio);
  f("act", c.activation, kActivations);
  f("norm_eps", c.norm_eps);
  f("qkv_bias", c.qkv_bias);
  f("qk_norm", c.qk_norm);
  f("pre_norm", c.pre_norm);
  f("layer_scale", c.layer_scale);
  f("class_token", c.class_token);
  f("distilled", c.distilled);
  f("reg_tokens", c.registers);
  f("position", c.position, kPositions);
  f("no_embed_class", c.no_embed_class);
  f("global_pool", c.pool, kPools);
  f("fc_norm", c.fc_norm);
  f("pre_logits", c.pre_logits);
  f("pos_drop_rate", c.position_dropout);
  f("proj_drop_rate", c.projection_dropout);
  f("drop_rate", c.head_dropout);
  f("drop_path_rate", c.drop_path);
}

/// A count that a name spells; the regular expression has limited its digits.
int64_t number(const std::string& digits) { return digits.empty() ? 0 : std::stoll(digits); }

const std::regex& name_pattern() {
  static const std::regex pattern(
      "vit_(?:(tiny|small|medium|base|large|huge|giant|gigantic)|d(\\d{1,6})_l(\\d{1,4})_h(\\d{1,4}"
      "))"
      "_patch(\\d{1,4})_(\\d{1,5})(_gray)?(?:_c(\\d{1,6}))?");
  return pattern;
}

}  // namespace

double VitConfig::drop_path_of(int64_t block) const {
  return depth < 2 ? drop_path
                   : drop_path * static_cast<double>(block) / static_cast<double>(depth - 1);
}

int64_t VitConfig::parameters() const {
  const int64_t d = width;
  const int64_t m = hidden();
  const auto norm = [](int64_t n) { return 2 * n; };
  const auto linear = [](int64_t in, int64_t out) { return (in + 1) * out; };
  const int64_t block = 2 * norm(d) + 3 * d * d + (qkv_bias ? 3 * d : 0) + linear(d, d) +
                        (qk_norm ? 2 * norm(d / heads) : 0) + linear(d, m) + linear(m, d) +
                        (layer_scale > 0 ? 2 * d : 0);
  const int64_t positions = position == Position::kLearned ? patches() + prefix_positions() : 0;
  const int64_t patch = patch_height * patch_width * patched_channels() * d + (patch_bias ? d : 0);
  const int64_t network = backbone ? backbone->parameters(channels) : 0;
  return network + patch + (prefix_tokens() + positions) * d + (pre_norm ? norm(d) : 0) +
         depth * block + norm(d) + (pre_logits > 0 ? linear(d, pre_logits) : 0) +
         (classes > 0 ? linear(features(), classes) : 0) * (distilled ? 2 : 1);
}

int64_t VitConfig::macs() const {
  const int64_t n = tokens();
  const int64_t block = n * (4 * width * width + 2 * width * hidden()) + 2 * n * n * width;
  const int64_t heads_macs = features() * classes * (distilled ? 2 : 1) + width * pre_logits;
  const int64_t network = backbone ? backbone->macs(channels, {image_height, image_width}) : 0;
  return network + patches() * patch_height * patch_width * patched_channels() * width +
         depth * block + heads_macs;
}

void VitConfig::validate() const {
  validate_common();
  if (backbone) backbone->validate();
  require_in("patch_size", patch_height, 1, patched().h);
  require_in("patch_size", patch_width, 1, patched().w);
  require_in("embed_dim", width, 1, kMaxWidth);
  require_in("depth", depth, 1, kMaxDepth);
  require_in("num_heads", heads, 1, width);
  require_in("reg_tokens", registers, 0, kMaxTokens);
  require_in("pre_logits", pre_logits, 0, kMaxWidth);
  require_in("number of tokens", tokens(), 1, kMaxTokens);
  require(width % heads == 0, fmt::format("{} heads do not divide width {}", heads, width));
  require(mlp_ratio > 0 && mlp_ratio <= kMaxMlpRatio && hidden() >= 1,
          fmt::format("mlp_ratio must be above 0 and at most {}, got {}", kMaxMlpRatio, mlp_ratio));
  require(layer_scale >= 0, "layer_scale must not be negative");
  require(norm_eps >= 0 && norm_eps < 1, "norm_eps must be in [0, 1)");
  require(pool == Pool::kMean || class_token, "pooling by class token needs a class token");
  require(!distilled || class_token, "a distilled model needs a class token");
  const bool sincos = position == Position::kSinCosMoco || position == Position::kSinCosMae;
  require(!sincos || width % 4 == 0,
          "a sine-cosine embedding needs a width that is a multiple of 4");
  for (const double p : {position_dropout, projection_dropout, head_dropout, drop_path}) {
    require_rate("a dropout rate", p);
  }
}

std::string VitConfig::summary() const {
  return fmt::format(
      "{}patches {} x {}: {} tokens; width {}, {} blocks, {} heads, hidden {}; {}, norm_eps {}, "
      "{} x {} pixels",
      backbone ? backbone->summary() + "; " : "", patch_height, patch_width, tokens(), width, depth,
      heads, hidden(), name_of(kActivationTexts, activation), norm_eps, image_height, image_width);
}

std::string VitConfig::to_json() const {
  OptionWriter writer;
  writer("kind", backbone ? "hybrid" : "vit");
  each_option(*this, writer);
  return write_json(writer.object);
}

VitConfig VitConfig::from_json(std::string_view text) {
  return read_network_config<VitConfig>(text, [](VitConfig& c, json object) {
    const std::string kind = object.value("kind", "vit");
    object.erase("kind");
    if (kind != "vit" && kind != "hybrid") {
      throw UsageError(fmt::format("kind '{}' is no ViT; those are vit, hybrid", kind));
    }
    // LayerScale by its initial value, or true for the usual one.
    if (const auto scale = object.find("layer_scale");
        scale != object.end() && scale->is_boolean()) {
      *scale = scale->get<bool>() ? kUsualLayerScale : 0.0;
    }
    OptionReader reader(std::move(object));
    each_option(c, reader);
    reader.refuse_unknown();
    if (c.backbone.has_value() != (kind == "hybrid")) {
      throw UsageError("a hybrid, and nothing else, has a backbone");
    }
  });
}

std::unique_ptr<Network> VitConfig::build() const { return std::make_unique<Vit>(*this); }

VitConfig vit_config(std::string_view name) {
  std::match_results<std::string_view::const_iterator> m;
  constexpr size_t kMaxName = 64;  // std::regex recurses, and names come from files
  if (name.size() > kMaxName || !std::regex_match(name.begin(), name.end(), m, name_pattern())) {
    if (const auto sibling = vit_sibling(name)) return *sibling;
    throw UsageError(fmt::format(
        "unknown model '{}'; known are vit_{{tiny,small,medium,base,large,huge}}_patch16_224, "
        "timm's names of DeiT, DeiT-III, DINOv2, CLIP towers and hybrids (vit_base_r50_s16_224), "
        "resnet{{18,34,50,101,152}}, resnetv2_50x1_bit, plain ViTs such as "
        "vit_d128_l6_h4_patch4_28_gray, and JSON files",
        name));
  }
  VitConfig c;
  if (m[1].matched) {
    set_vit_size(c, m[1].str());
  } else {
    c.width = number(m[2]);
    c.depth = number(m[3]);
    c.heads = number(m[4]);
    c.classes = 10;
  }
  c.patch_height = c.patch_width = number(m[5]);
  c.image_height = c.image_width = number(m[6]);
  if (m[7].matched) c.channels = 1;
  if (m[8].matched) c.classes = number(m[8]);
  c.validate();
  return c;
}

}  // namespace vitrine
