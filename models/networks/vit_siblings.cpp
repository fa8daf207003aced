#include "models/networks/vit_siblings.hpp"

#include <array>
#include <regex>
#include <string>
#include <vector>

#include "models/networks/name_suffix.hpp"
#include "models/networks/vit_sizes.hpp"

namespace vitrine {
namespace {

constexpr size_t kMaxName = 64;  // std::regex recurses, and names come from files

const std::regex& name_pattern() {
  static const std::regex pattern(
      "(vit|deit|deit3|eva)_([a-z0-9]+?)(_distilled)?_patch(\\d{1,3})(?:_reg(\\d))?"
      "(?:_(gap|map|siglip|siglip_gap|plus|clip|plus_clip|clip_quickgelu|dinov2|tipsv2))?(?:_(\\d{"
      "1,4}))?");
  return pattern;
}

/// Of the weights behind timm's names most have the projection to the space that texts and pictures
/// share as their head, others one of 1000 classes.
bool has_projection(std::string_view size, std::string_view kind, int64_t pixels) {
  if (kind != "clip") return true;
  return size == "base"    ? pixels == 256
         : size == "large" ? false
         : size == "huge"  ? pixels == 378
                           : true;
}

void make_clip(VitConfig& c, bool quick_gelu, bool projection) {
  c.pre_norm = true;
  c.patch_bias = false;
  c.norm_eps = 1e-5;
  if (quick_gelu) c.activation = Activation::kQuickGelu;
  if (!projection) return;
  c.classes = c.width <= 768    ? 512
              : c.width == 896  ? 640
              : c.width == 1024 ? 768
              : c.width <= 1408 ? 1024
                                : 1280;
}

void make_mean_pooled(VitConfig& c, std::string_view size, int64_t registers) {
  c.class_token = false;
  c.pool = Pool::kMean;
  if (size.starts_with("so150m")) {  // the positions cover the registers
    c.registers = registers;
    c.fc_norm = size == "so150m2";
    c.qkv_bias = size == "so150m";
    c.layer_scale = size == "so150m" ? 0 : 1e-5;
  } else if (registers > 0) {
    c.registers = registers;
    c.no_embed_class = true;
    c.fc_norm = true;
    c.layer_scale = size == "base" ? 0 : 1e-5;
  } else if (size == "medium" || size == "betwixt") {
    c.qkv_bias = false;
    c.layer_scale = 1e-6;
  } else if (size == "base") {
    c.heads = 16;
  }
}

/// SigLIP's towers, with attention pooling or, as classifiers, the mean of the patches. SigLIP 2
/// brought GELU by tanh to those sizes that the first did not have.
void make_siglip(VitConfig& c, std::string_view size, int64_t pixels, int64_t patch, Pool pool) {
  c.classes = 0;
  c.class_token = false;
  c.pool = pool;
  const bool second = size == "giantopt" || (size == "base" && patch == 32) ||
                      (size == "large" && pixels == 512) || (size == "so400m" && patch == 16);
  if (second) c.activation = Activation::kGeluTanh;
}

/// DINOv2 and TIPS v2: no head, LayerScale; the giant's MLPs have gates.
void make_dinov2(VitConfig& c, bool giant, double layer_scale, int64_t registers) {
  if (giant) {
    c.width = 1536;
    c.heads = 24;
    c.mlp = MlpKind::kGatedPacked;
    c.mlp_ratio = 2.66667 * 2;
    c.activation = Activation::kSilu;
  }
  c.layer_scale = layer_scale;
  c.classes = 0;
  c.registers = registers;
  c.no_embed_class = registers > 0;
}

/// A base wider than usual.
void make_plus(VitConfig& c) {
  c.width = 896;
  c.heads = 14;
}

/// The few whose names follow no rule.
std::optional<VitConfig> odd_name(std::string_view name) {
  VitConfig c;
  if (name.starts_with("flexivit_") && set_vit_size(c, name.substr(9))) {
    set_vit_pixels(c, 240, 16);
    c.no_embed_class = true;
  } else if (name == "vit_base_patch16_224_miil") {
    c.qkv_bias = false;
  } else if (name == "vit_small_patch16_36x1_224") {
    set_vit_size(c, "small");
    c.depth = 36;
    c.layer_scale = 1e-5;
  } else if (name == "test_vit" || name == "test_vit2") {
    c.width = 64;
    c.depth = 6;
    c.heads = 2;
    c.mlp_ratio = 3;
    set_vit_pixels(c, 160, 16);
    if (name == "test_vit") return c;
    c.depth = 8;
    c.class_token = false;
    c.registers = 1;
    c.pool = Pool::kMean;
    c.fc_norm = true;
    c.layer_scale = 1e-5;
  } else {
    return std::nullopt;
  }
  return c;
}

/// vit_<size>_r<depth>_s<pixels per token>_<pixels>, and R+Ti/16, whose backbone is a stem alone.
std::optional<VitConfig> hybrid(std::string_view name) {
  struct Backbone {
    std::string_view name;
    std::vector<int64_t> layers;
    int64_t patch;
  };
  // Stages of stride 2 after the first: R50's fourth one is joined to the third for 16 pixels.
  static const std::array<Backbone, 4> backbones = {{{"r_s16_p8", {}, 8},
                                                     {"r26_s32", {2, 2, 2, 2}, 1},
                                                     {"r50_s16", {3, 4, 9}, 1},
                                                     {"r50_s32", {3, 4, 6, 3}, 1}}};
  constexpr std::string_view kBegin = "vit_";
  constexpr int64_t kFirstChannels = 256;
  VitConfig c;
  const std::string whole = take_suffixes(name, c);
  if (!whole.starts_with(kBegin)) return std::nullopt;
  for (const Backbone& known : backbones) {
    if (!whole.ends_with("_" + std::string(known.name))) continue;
    const size_t size = whole.size() - kBegin.size() - known.name.size() - 1;
    if (!set_vit_size(c, std::string_view(whole).substr(kBegin.size(), size))) return std::nullopt;
    c.patch_height = c.patch_width = known.patch;
    c.backbone.emplace();
    c.backbone->layers = known.layers;
    for (size_t s = 0; s < known.layers.size(); ++s) {
      c.backbone->channels.push_back(kFirstChannels << s);
    }
    c.validate();
    return c;
  }
  return std::nullopt;
}

}  // namespace

std::optional<VitConfig> vit_sibling(std::string_view name) {
  if (name.size() > kMaxName) return std::nullopt;
  if (const auto odd = odd_name(name)) return odd;
  if (const auto known = hybrid(name)) return known;
  std::match_results<std::string_view::const_iterator> m;
  if (!std::regex_match(name.begin(), name.end(), m, name_pattern())) return std::nullopt;
  const std::string family = m[1].str();
  const std::string size = m[2].str();
  const std::string kind = m[6].str();
  const int64_t registers = leading_number(m[5].str());
  VitConfig c;
  const bool headless = kind == "dinov2" || kind == "tipsv2";  // and of one size, which is not said
  if (!set_vit_size(c, size) || m[7].matched == headless) return std::nullopt;
  if (registers > 0 && !headless && kind != "gap" && kind != "map") return std::nullopt;
  if (family != "vit" && !kind.empty()) return std::nullopt;
  if (m[3].matched && family != "deit") return std::nullopt;
  const int64_t patch = leading_number(m[4].str());
  const int64_t pixels = m[7].matched ? leading_number(m[7].str()) : kind == "dinov2" ? 518 : 448;
  set_vit_pixels(c, pixels, patch);
  if (kind.starts_with("plus")) {
    if (size != "base") return std::nullopt;
    make_plus(c);
  }
  if (family == "deit") {
    c.distilled = m[3].matched;
  } else if (family == "deit3") {
    c.layer_scale = 1e-6;
    c.no_embed_class = true;
  } else if (family == "eva") {
    if (size != "large") return std::nullopt;  // the giants' keys have no bias
    c.pool = Pool::kMean;
    c.fc_norm = true;
  } else if (headless) {
    make_dinov2(c, size == "giant", kind == "dinov2" ? 1e-5 : 1, registers);
  } else if (kind == "gap" || kind == "map") {
    if (kind == "map" && size != "so150m") return std::nullopt;
    make_mean_pooled(c, size, registers);
    if (kind == "map") c.pool = Pool::kMap;
  } else if (kind.starts_with("siglip")) {
    make_siglip(c, size, pixels, patch, kind == "siglip" ? Pool::kMap : Pool::kMean);
  } else if (kind == "plus") {
    c.layer_scale = 1e-5;
  } else if (!kind.empty()) {
    make_clip(c, kind == "clip_quickgelu", has_projection(size, kind, pixels));
  }
  c.validate();
  return c;
}

}  // namespace vitrine
