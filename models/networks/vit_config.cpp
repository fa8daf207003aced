#include "models/networks/vit_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "core/error.hpp"
#include "core/text/enum_names.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/config_check.hpp"
#include "models/networks/config_options.hpp"
#include "models/networks/vit.hpp"
#include "models/networks/vit_families.hpp"
#include "models/networks/vit_parts.hpp"
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

constexpr EnumNames<Activation, 5> kActivations = {{{Activation::kGelu, "gelu"},
                                                    {Activation::kGeluTanh, "gelu_tanh"},
                                                    {Activation::kQuickGelu, "quick_gelu"},
                                                    {Activation::kSilu, "silu"},
                                                    {Activation::kRelu, "relu"}}};
constexpr EnumNames<Activation, 5> kActivationTexts = {{{Activation::kGelu, "GELU by erf"},
                                                        {Activation::kGeluTanh, "GELU by tanh"},
                                                        {Activation::kQuickGelu, "quick GELU"},
                                                        {Activation::kSilu, "SiLU"},
                                                        {Activation::kRelu, "ReLU"}}};
constexpr EnumNames<VitFamily, 3> kFamilies = {
    {{VitFamily::kVit, "vit"}, {VitFamily::kEva, "eva"}, {VitFamily::kBeit, "beit"}}};
constexpr EnumNames<MlpKind, 3> kMlps = {
    {{MlpKind::kPlain, "mlp"}, {MlpKind::kGatedPacked, "glu_packed"}, {MlpKind::kGated, "glu"}}};
constexpr EnumNames<NormKind, 2> kNorms = {
    {{NormKind::kLayer, "layernorm"}, {NormKind::kRms, "rmsnorm"}}};
constexpr EnumNames<BlockForm, 4> kBlockForms = {{{BlockForm::kPre, "pre"},
                                                  {BlockForm::kResPost, "res_post"},
                                                  {BlockForm::kParallel, "parallel"},
                                                  {BlockForm::kParallelThings, "parallel_things"}}};
constexpr EnumNames<Pool, 7> kPools = {{{Pool::kToken, "token"},
                                        {Pool::kMean, "avg"},
                                        {Pool::kTokenMean, "token_avg"},
                                        {Pool::kRawMean, "raw_avg"},
                                        {Pool::kMax, "max"},
                                        {Pool::kMeanMax, "avgmax"},
                                        {Pool::kMap, "map"}}};
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
  f("embed_norm", c.patch_norm);
  f.nested("backbone", c.backbone);
  f("embed_dim", c.width);
  f("depth", c.depth);
  f("num_heads", c.heads);
  f("block", c.block_form, kBlockForms);
  f("mlp", c.mlp, kMlps);
  f("mlp_ratio", c.mlp_ratio);
  f("mlp_hidden", c.mlp_hidden);
  f("act", c.activation, kActivations);
  f("norm", c.norm, kNorms);
  f("norm_eps", c.norm_eps);
  f("qkv_bias", c.qkv_bias);
  f("k_bias", c.k_bias);
  f("qkv_fused", c.qkv_fused);
  f("proj_bias", c.proj_bias);
  f("qk_norm", c.qk_norm);
  f("scale_attn_norm", c.attn_norm);
  f("scale_mlp_norm", c.mlp_norm);
  f("pre_norm", c.pre_norm);
  f("layer_scale", c.layer_scale);
  f("class_token", c.class_token);
  f("distilled", c.distilled);
  f("reg_tokens", c.registers);
  f("position", c.position, kPositions);
  f("position_at", c.position_at, kPositionsAt);
  f("no_embed_class", c.no_embed_class);
  f.nested("rope", c.rope);
  f("rel_pos_bias", c.rel_pos_bias);
  f("shared_rel_pos_bias", c.shared_rel_pos_bias);
  f("global_pool", c.pool, kPools);
  f("attn_pool_heads", c.pool_heads);
  f("attn_pool_mlp_ratio", c.pool_mlp_ratio);
  f("pool_include_prefix", c.pool_prefix);
  f("final_norm", c.final_norm);
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
  require_in("mlp_hidden", mlp_hidden, 0, kMaxWidth * static_cast<int64_t>(kMaxMlpRatio));
  require(pool_mlp_ratio >= 0 && pool_mlp_ratio <= kMaxMlpRatio,
          fmt::format("attn_pool_mlp_ratio must be between 0 and {}", kMaxMlpRatio));
  require(layer_scale >= 0, "layer_scale must not be negative");
  require(norm_eps >= 0 && norm_eps < 1, "norm_eps must be in [0, 1)");
  validate_vit_parts(*this);
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
  writer("kind", backbone ? "hybrid" : name_of(kFamilies, family));
  each_option(*this, writer);
  return std::move(writer.object);
}

VitConfig VitConfig::from_json(json all) {
  return read_network_config<VitConfig>(std::move(all), [](VitConfig& c, json object) {
    const std::string kind = object.value("kind", "vit");
    object.erase("kind");
    if (kind != "hybrid") {
      const auto* const known =
          std::ranges::find(kFamilies, kind, [](const auto& f) { return f.second; });
      if (known == kFamilies.end()) {
        throw UsageError(
            fmt::format("kind '{}' is no ViT; those are vit, hybrid, eva, beit", kind));
      }
      c.family = known->first;
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
    if (const auto member = vit_family_member(name)) return *member;
    throw UsageError(fmt::format(
        "unknown model '{}'; known are vit_{{tiny,small,medium,base,large,huge}}_patch16_224, "
        "timm's names of DeiT, DINOv2, DINOv3, CLIP's and SigLIP's towers, EVA, BEiT and hybrids "
        "(vit_base_r50_s16_224), "
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
