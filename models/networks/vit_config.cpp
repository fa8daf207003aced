#include "models/networks/vit_config.hpp"

#include <fmt/format.h>

#include <regex>

#include "core/error.hpp"
#include "core/text/enum_names.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/config_check.hpp"
#include "models/networks/config_options.hpp"
#include "models/networks/vit.hpp"
#include "models/networks/vit_siblings.hpp"
#include "models/networks/vit_sizes.hpp"

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
constexpr EnumNames<Pool, 4> kPools = {{{Pool::kToken, "token"},
                                        {Pool::kMean, "avg"},
                                        {Pool::kTokenMean, "token_avg"},
                                        {Pool::kRawMean, "raw_avg"}}};
constexpr EnumNames<Position, 6> kPositions = {{{Position::kNone, "none"},
                                                {Position::kLearned, "learned"},
                                                {Position::kLearned2d, "learned_2d"},
                                                {Position::kRelative, "relative"},
                                                {Position::kSinCosMoco, "sincos_moco"},
                                                {Position::kSinCosMae, "sincos_mae"}}};
constexpr EnumNames<PositionAt, 3> kPositionsAt = {{{PositionAt::kStart, "start"},
                                                    {PositionAt::kEvery, "every"},
                                                    {PositionAt::kShared, "shared"}}};

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
  f("position_at", c.position_at, kPositionsAt);
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

/// What is added to the tokens; a fixed embedding has no parameters.
void tell_position(const VitConfig& c, const LayerTeller& part) {
  if (c.position == Position::kLearned2d) {
    part("pos_embed.rows", {c.grid_height(), c.width / 2}, c.grid_height() * (c.width / 2));
    part("pos_embed.columns", {c.grid_width(), c.width / 2}, c.grid_width() * (c.width / 2));
  } else if (c.embeds_position()) {
    const Shape positions{c.prefix_positions() + c.patches(), c.width};
    part("pos_embed", positions, c.position == Position::kLearned ? positions.numel() : 0);
  }
}

/// The layers of an encoder block. Sums of a branch and its input count nothing.
void tell_block(const VitConfig& c, const LayerTeller& block) {
  const int64_t n = c.tokens();
  const int64_t d = c.width;
  block.norm("norm1", {n, d});
  block.product("attn.qkv", d, {n, 3 * d}, c.qkv_bias);
  if (c.qk_norm) {
    block.norm("attn.q_norm", {c.heads, n, d / c.heads});
    block.norm("attn.k_norm", {c.heads, n, d / c.heads});
  }
  if (c.position == Position::kRelative) {
    const int64_t offsets = 2 * n - 1;
    block("attn.rel_pos", {c.heads, n, offsets}, offsets * (d / c.heads), n * offsets * d);
  }
  block("attn.heads", {n, d}, 0, 2 * n * n * d);  // Q K^T, and its softmax times V
  block.product("attn.proj", d, {n, d}, true);
  if (c.layer_scale > 0) block("ls1", {n, d}, d);
  block.norm("norm2", {n, d});
  block.product("mlp.fc1", d, {n, c.hidden()}, true);
  block.product("mlp.fc2", c.hidden(), {n, d}, true);
  if (c.layer_scale > 0) block("ls2", {n, d}, d);
}

}  // namespace

double VitConfig::drop_path_of(int64_t block) const {
  return depth < 2 ? drop_path
                   : drop_path * static_cast<double>(block) / static_cast<double>(depth - 1);
}

void VitConfig::each_layer(const LayerVisitor& f) const {
  const int64_t n = tokens();
  const int64_t d = width;
  const LayerTeller network{f};
  if (backbone) {
    backbone->each_layer("patch_embed.backbone", channels, {image_height, image_width}, f);
  }
  network.product("patch_embed.proj", patch_height * patch_width * patched_channels(),
                  {patches(), d}, patch_bias);
  if (class_token) network("cls_token", {1, d}, d);
  if (distilled) network("dist_token", {1, d}, d);
  if (registers > 0) network("reg_token", {registers, d}, registers * d);
  tell_position(*this, network);
  if (pre_norm) network.norm("norm_pre", {n, d});
  for (int64_t i = 0; i < depth; ++i) {
    const LayerTeller block{f, fmt::format("blocks.{}", i)};
    if (i > 0 && position_at == PositionAt::kEvery) tell_position(*this, block);
    tell_block(*this, block);
  }

  // What is pooled, or the tokens that have heads of their own.
  const auto pooled = [&](int64_t size) { return distilled ? Shape{2, size} : Shape{size}; };
  if (fc_norm) {
    network.norm("fc_norm", pooled(d));
  } else if (pool != Pool::kRawMean) {
    network.norm("norm", {n, d});
  }
  if (pre_logits > 0) {
    network.product("pre_logits.fc", pooled_width(), pooled(pre_logits), true);
  }
  if (classes == 0) return;
  network.product("head", features(), {classes}, true);
  if (distilled) network.product("head_dist", features(), {classes}, true);
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
  const bool reads_token = pool == Pool::kToken || pool == Pool::kTokenMean;
  require(!reads_token || class_token, "pooling by class token needs a class token");
  require(!fc_norm || pool == Pool::kToken || pool == Pool::kMean,
          "fc_norm is for pooling by 'token' or 'avg'");
  require(!distilled || (class_token && pool == Pool::kToken),
          "a distilled model needs a class token, and pooling by it");
  const bool sincos = position == Position::kSinCosMoco || position == Position::kSinCosMae;
  require(!sincos || width % 4 == 0,
          "a sine-cosine embedding needs a width that is a multiple of 4");
  require(position != Position::kLearned2d || width % 2 == 0,
          "a learned 2-D embedding has half the width for the row, half for the column: embed_dim "
          "must be even");
  require(position_at == PositionAt::kStart || embeds_position(),
          "position_at is for embeddings that are added to the tokens; 'none' has nothing to add, "
          "'relative' acts in every block");
  require(position_at != PositionAt::kEvery || !sincos,
          "position_at 'every' is for learned tables; fixed ones are the same in every block: take "
          "'shared'");
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

nlohmann::json VitConfig::to_json() const {
  OptionWriter writer;
  writer("kind", backbone ? "hybrid" : "vit");
  each_option(*this, writer);
  return std::move(writer.object);
}

VitConfig VitConfig::from_json(json all) {
  return read_network_config<VitConfig>(std::move(all), [](VitConfig& c, json object) {
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
