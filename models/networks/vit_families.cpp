#include "models/networks/vit_families.hpp"

#include <array>
#include <regex>
#include <string>

#include "models/networks/name_suffix.hpp"
#include "models/networks/vit_sizes.hpp"

namespace vitrine {
namespace {

constexpr size_t kMaxName = 64;  // std::regex recurses, and names come from files
constexpr double kLayerScale = 1e-5;
constexpr double kTwoThirds = 4 * 2.0 / 3;  // a gated MLP with as many weights as a plain one

using Match = std::match_results<std::string_view::const_iterator>;

RotaryConfig rotary(RotaryRule rule, double temperature) {
  RotaryConfig rope;
  rope.table.rule = rule;
  rope.table.temperature = temperature;
  return rope;
}

/// Simeoni et al. 2025, arXiv 2508.10104. timm pools the patches, which changes no weight.
std::optional<VitConfig> dinov3(const Match& m) {
  static constexpr auto kTrunks = std::to_array<VitSize>({{"small_plus", 384, 12, 6},
                                                          {"huge_plus", 1280, 32, 20},
                                                          {"7b", 4096, 40, 32, 2},
                                                          {"giant", 1536, 40, 24, kTwoThirds}});
  const std::string size = m[1].str();
  const bool lingbot = m[2].str() == "lingbot";
  const bool biases = m[3].matched || (lingbot && size != "giant");
  const bool published =
      lingbot ? !m[3].matched && size != "7b" && size != "tiny" && !size.ends_with("_plus")
              : size != "giant" && (size != "tiny" || biases) && (size != "7b" || !biases);
  VitConfig c;
  if (!published || !set_vit_size(c, size, kTrunks)) return std::nullopt;
  set_vit_pixels(c, lingbot ? 224 : 256, 16);
  c.family = VitFamily::kEva;
  c.classes = 0;
  c.norm_eps = 1e-5;
  c.layer_scale = kLayerScale;
  c.registers = 4;
  c.position = Position::kNone;
  c.rope = rotary(RotaryRule::kDinov3, 100);
  c.rope->table.layout = RotaryLayout::kHalf;
  c.qkv_bias = biases;
  c.k_bias = false;
  c.pool = lingbot ? Pool::kToken : Pool::kMean;
  if (size.ends_with("_plus") || size == "7b" || size == "giant") {
    c.mlp = MlpKind::kGated;
    c.activation = Activation::kSilu;
  }
  return c;
}

/// EVA-01, EVA-02 and the towers of EVA-CLIP: Fang et al. 2022 and 2023, arXiv 2211.07636 and
/// 2303.11331.
std::optional<VitConfig> eva(const Match& m) {
  static constexpr auto kTrunks =
      std::to_array<VitSize>({{"giant", 1408, 40, 16, 6144.0 / 1408},
                              {"tiny", 192, 12, 3, kTwoThirds},
                              {"small", 384, 12, 6, kTwoThirds},
                              {"base", 768, 12, 12, kTwoThirds},
                              {"large", 1024, 24, 16, kTwoThirds},
                              {"enormous", 1792, 64, 16, 15360.0 / 1792}});
  const bool second = m[1].matched;
  const std::string size = m[2].str();
  const bool clip = m[4].matched;
  VitConfig c;
  if ((size == "giant") == second || !set_vit_size(c, size, kTrunks)) return std::nullopt;
  const int64_t pixels = leading_number(m[5].str());
  set_vit_pixels(c, pixels, leading_number(m[3].str()));
  c.family = VitFamily::kEva;
  c.k_bias = false;
  c.pool = clip ? Pool::kToken : Pool::kMean;
  c.fc_norm = !clip;
  c.classes = clip                      ? (size == "base"    ? 512
                                           : size == "large" ? 768
                                                             : 1024)
              : second && pixels == 224 ? 0
                                        : 1000;
  if (!second) return c;
  if (size == "enormous") {
    if (!clip) return std::nullopt;
    c.block_form = BlockForm::kResPost;
    return c;
  }
  c.activation = Activation::kSilu;
  c.rope = rotary(RotaryRule::kAxial, 10000);
  c.rope->table.reference = Size2d{16, 16};
  const bool small = size == "tiny" || size == "small";
  c.mlp = small ? MlpKind::kGatedPacked : MlpKind::kGated;
  c.mlp_norm = !small;
  c.qkv_fused = small;
  c.attn_norm = clip;
  return c;
}

/// Heo et al. 2024, arXiv 2403.13298.
std::optional<VitConfig> rope(const Match& m) {
  VitConfig c;
  if (!set_vit_size(c, m[1].str())) return std::nullopt;
  set_vit_pixels(c, 224, 16);
  c.family = VitFamily::kEva;
  c.layer_scale = kLayerScale;
  const bool mixed = m[2].matched;
  c.rope = rotary(mixed ? RotaryRule::kMixed : RotaryRule::kAxial, mixed ? 10 : 100);
  c.rope->table.axes = RotaryAxes::kColumnFirst;
  c.no_embed_class = m[3].matched;
  if (!m[3].matched) c.position = Position::kNone;
  return c;
}

/// timm's own, of its search for better baselines.
std::optional<VitConfig> rope_gap(const Match& m) {
  VitConfig c;
  if (!set_vit_size(c, m[1].str())) return std::nullopt;
  set_vit_pixels(c, 256, 16);
  c.family = VitFamily::kEva;
  c.layer_scale = kLayerScale;
  c.class_token = false;
  c.registers = leading_number(m[2].str());
  c.position = Position::kNone;
  c.rope = rotary(RotaryRule::kAxial, 10000);
  c.rope->table.reference = Size2d{16, 16};
  c.qkv_bias = m[1].str() != "mediumd";
  c.k_bias = false;
  c.pool = Pool::kMean;
  c.fc_norm = true;
  return c;
}

/// Meta's Perception Encoder: Bolya et al. 2025, arXiv 2504.13181.
std::optional<VitConfig> perception_encoder(const Match& m) {
  static constexpr auto kTrunks =
      std::to_array<VitSize>({{"gigantic", 1536, 50, 16, 8960.0 / 1536}});
  const std::string kind = m[1].str();
  const std::string size = m[2].str();
  VitConfig c;
  if (!set_vit_size(c, size, kTrunks)) return std::nullopt;
  set_vit_pixels(c, leading_number(m[4].str()), leading_number(m[3].str()));
  const bool gigantic = size == "gigantic";
  const bool lang = kind == "lang";
  if (lang) c.depth -= gigantic ? 3 : 1;
  c.family = VitFamily::kEva;
  c.norm_eps = 1e-5;
  c.pre_norm = true;
  c.patch_bias = false;
  c.class_token = !gigantic;
  c.rope = rotary(RotaryRule::kAxial, 10000);
  c.rope->table.axes = RotaryAxes::kColumnFirst;
  c.rope->table.offset = gigantic ? 0 : 1;
  c.rope->table.reference = c.grid();
  if (kind == "core") {
    c.pool = Pool::kMap;
    c.pool_heads = 8;
    c.pool_mlp_ratio = 4;
    c.classes = gigantic ? 1280 : size == "base" || size == "large" ? 1024 : 512;
    return c;
  }
  c.classes = 0;
  c.final_norm = false;
  c.pool = Pool::kMean;
  if (lang || gigantic) c.layer_scale = 0.1;
  return c;
}

/// Bao et al. 2021, arXiv 2106.08254, and Peng et al. 2022, arXiv 2208.06366.
std::optional<VitConfig> beit(const Match& m) {
  VitConfig c;
  const std::string size = m[2].str();
  if ((size != "base" && size != "large") || !set_vit_size(c, size)) return std::nullopt;
  set_vit_pixels(c, leading_number(m[3].str()), 16);
  c.family = VitFamily::kBeit;
  c.k_bias = false;
  c.position = Position::kNone;
  c.rel_pos_bias = true;
  c.layer_scale = size == "base" && !m[1].matched ? 0.1 : kLayerScale;
  c.pool = Pool::kMean;
  c.fc_norm = true;
  return c;
}

/// Wang et al. 2022, arXiv 2208.10442: norms within the branches.
std::optional<VitConfig> beit3(const Match& m) {
  static constexpr auto kTrunks = std::to_array<VitSize>({{"giant", 1408, 40, 16, 4.3637}});
  VitConfig c;
  if (!set_vit_size(c, m[1].str(), kTrunks)) return std::nullopt;
  set_vit_pixels(c, leading_number(m[3].str()), leading_number(m[2].str()));
  c.attn_norm = c.mlp_norm = true;
  c.norm_eps = 1e-5;
  c.pool = Pool::kMean;
  c.fc_norm = true;
  return c;
}

/// Fini et al. 2024, arXiv 2411.14402.
std::optional<VitConfig> aimv2(const Match& m) {
  static constexpr auto kTrunks = std::to_array<VitSize>({{"large", 1024, 24, 8, 2.75},
                                                          {"huge", 1536, 24, 12, 2.6667},
                                                          {"1b", 2048, 24, 16, 2.75},
                                                          {"3b", 3072, 24, 24, 2.6667}});
  VitConfig c;
  if (!set_vit_size(c, m[1].str(), kTrunks)) return std::nullopt;
  set_vit_pixels(c, leading_number(m[2].str()), 14);
  c.classes = 0;
  c.class_token = false;
  c.norm = NormKind::kRms;
  c.norm_eps = 1e-5;
  c.patch_norm = true;
  c.qkv_bias = c.proj_bias = false;
  c.mlp = MlpKind::kGated;
  c.activation = Activation::kSilu;
  c.pool = Pool::kMean;
  return c;
}

/// Blocks of timm's that have another form: res-post-norm, two of everything, both branches at
/// once.
std::optional<VitConfig> other_blocks(const Match& m) {
  VitConfig c;
  const std::string kind = m[3].str();
  if (!set_vit_size(c, m[1].str())) return std::nullopt;
  set_vit_pixels(c, 224, leading_number(m[2].str()));
  if (kind == "rpn") {
    c.block_form = BlockForm::kResPost;
    c.qkv_bias = false;
    c.class_token = false;
    c.pool = Pool::kMean;
    c.fc_norm = true;
  } else if (kind == "18x2") {
    c.block_form = BlockForm::kParallelThings;
    c.depth = 18;
    c.layer_scale = kLayerScale;
  } else {
    c.block_form = BlockForm::kParallel;
    c.norm = NormKind::kRms;
    c.qkv_bias = false;
    c.qk_norm = true;
    c.pre_norm = true;
    c.patch_bias = false;
    c.no_embed_class = true;
  }
  return c;
}

/// The few whose names follow no rule.
std::optional<VitConfig> odd_name(std::string_view name) {
  VitConfig c;
  if (name == "vit_pwee_patch16_reg1_gap_256") {
    set_vit_size(c, "wee");
    c.depth = 16;
    set_vit_pixels(c, 256, 16);
    c.block_form = BlockForm::kParallel;
    c.layer_scale = kLayerScale;
    c.class_token = false;
    c.registers = 1;
    c.no_embed_class = true;
    c.pool = Pool::kMean;
    c.fc_norm = true;
  } else if (name == "vit_intern300m_patch14_448") {
    set_vit_size(c, "large");
    set_vit_pixels(c, 448, 14);
    c.layer_scale = 0.1;
    c.final_norm = false;
    c.classes = 0;
  } else if (name == "test_vit3" || name == "test_vit4") {
    const bool map = name == "test_vit3";
    c.width = 96;
    c.depth = 9;
    c.heads = 3;
    c.mlp_ratio = map ? 2 : 3;
    set_vit_pixels(c, 160, 16);
    c.class_token = false;
    c.registers = 1;
    c.layer_scale = kLayerScale;
    c.pool = map ? Pool::kMap : Pool::kMean;
    c.pool_prefix = map;
    c.fc_norm = !map;
    if (!map) c.norm = NormKind::kRms;
  } else {
    return std::nullopt;
  }
  return c;
}

}  // namespace

std::optional<VitConfig> vit_family_member(std::string_view name) {
  if (name.size() > kMaxName) return std::nullopt;
  struct Family {
    std::regex names;
    std::optional<VitConfig> (*read)(const Match&);
  };
  static const std::array<Family, 9> families = {{
      {std::regex("vit_([a-z0-9]+(?:_plus)?)_patch16_(dinov3|lingbot)(_qkvb)?"), dinov3},
      {std::regex("eva(02)?_([a-z]+)_patch(\\d\\d)_(clip_)?(\\d{1,4})"), eva},
      {std::regex("vit_(small|base|large)_patch16_rope(_mixed)?(_ape)?_224"), rope},
      {std::regex("vit_(medium|mediumd|betwixt|base)_patch16_rope_reg(\\d)_gap_256"), rope_gap},
      {std::regex("vit_pe_(core|lang|spatial)_([a-z]+)_patch(\\d\\d)_(\\d{1,4})"),
       perception_encoder},
      {std::regex("beit(v2)?_([a-z]+)_patch16_(\\d{1,4})"), beit},
      {std::regex("beit3_([a-z]+)_patch(\\d\\d)_(\\d{1,4})"), beit3},
      {std::regex("aimv2_([a-z0-9]+)_patch14_(\\d{1,4})"), aimv2},
      {std::regex("vit_([a-z]+)_patch(\\d\\d)_(rpn|18x2|xp)_224"), other_blocks},
  }};
  std::optional<VitConfig> found = odd_name(name);
  for (const Family& family : families) {
    Match m;
    if (!found && std::regex_match(name.begin(), name.end(), m, family.names)) {
      found = family.read(m);
    }
  }
  if (found) found->validate();
  return found;
}

}  // namespace vitrine
