#include "models/vit_config.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "core/enum_names.hpp"
#include "core/error.hpp"
#include "models/vit_siblings.hpp"
#include "models/vit_sizes.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

// Far beyond every published network, and small enough that parameters() and macs() fit 63 bits.
constexpr int64_t kMaxSide = int64_t{1} << 14;  // pixels
constexpr int64_t kMaxWidth = int64_t{1} << 14;
constexpr int64_t kMaxDepth = int64_t{1} << 10;
constexpr int64_t kMaxTokens = int64_t{1} << 16;
constexpr int64_t kMaxChannels = int64_t{1} << 8;
constexpr int64_t kMaxClasses = int64_t{1} << 20;
constexpr double kMaxMlpRatio = 16;

constexpr EnumNames<Activation, 4> kActivations = {{{Activation::kGelu, "gelu"},
                                                    {Activation::kGeluTanh, "gelu_tanh"},
                                                    {Activation::kQuickGelu, "quick_gelu"},
                                                    {Activation::kRelu, "relu"}}};
constexpr EnumNames<Pool, 2> kPools = {{{Pool::kToken, "token"}, {Pool::kMean, "avg"}}};
constexpr EnumNames<Position, 4> kPositions = {{{Position::kNone, "none"},
                                                {Position::kLearned, "learned"},
                                                {Position::kSinCosMoco, "sincos_moco"},
                                                {Position::kSinCosMae, "sincos_mae"}}};

/// Takes values out of a JSON object and remembers which keys were asked for.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  template <class T>
  void field(const std::string& key, T& value) {
    known_.insert(key);
    if (const auto found = object_.find(key); found != object_.end()) value = found->get<T>();
  }
  /// A pair [height, width], or one number for both.
  void pair(const std::string& key, int64_t& height, int64_t& width) {
    known_.insert(key);
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    if (found->is_array()) {
      height = found->at(0).get<int64_t>();
      width = found->at(1).get<int64_t>();
    } else {
      height = width = found->get<int64_t>();
    }
  }
  template <class Table, class Value>
  void named(const std::string& key, const Table& table, Value& value) {
    known_.insert(key);
    const auto found = object_.find(key);
    if (found != object_.end()) value = value_of(table, key, found->get<std::string>());
  }
  /// The initial value of a LayerScale: a number, or true for its usual 1e-5.
  void layer_scale(const std::string& key, double& value) {
    known_.insert(key);
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    value = found->is_boolean() ? (found->get<bool>() ? 1e-5 : 0.0) : found->get<double>();
  }
  void refuse_unknown() const {
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) {
        throw UsageError(fmt::format("model configuration: unknown key '{}'", key));
      }
    }
  }

 private:
  const json& object_;
  std::set<std::string> known_;
};

/// Puts values into a JSON object; the counterpart of Reader.
class Writer {
 public:
  template <class T>
  void field(const std::string& key, const T& value) {
    object[key] = value;
  }
  void pair(const std::string& key, int64_t height, int64_t width) {
    object[key] = {height, width};
  }
  template <class Table, class Value>
  void named(const std::string& key, const Table& table, Value value) {
    object[key] = name_of(table, value);
  }
  void layer_scale(const std::string& key, double value) { object[key] = value; }

  json object = {{"kind", "vit"}};
};

/// Every value under its JSON key: the one list that reading and writing share.
template <class Config, class Visitor>
void visit_fields(Config& c, Visitor& v) {
  v.pair("img_size", c.image_height, c.image_width);
  v.pair("patch_size", c.patch_height, c.patch_width);
  v.field("in_chans", c.channels);
  v.field("patch_bias", c.patch_bias);
  v.field("embed_dim", c.width);
  v.field("depth", c.depth);
  v.field("num_heads", c.heads);
  v.field("mlp_ratio", c.mlp_ratio);
  v.named("act", kActivations, c.activation);
  v.field("norm_eps", c.norm_eps);
  v.field("qkv_bias", c.qkv_bias);
  v.field("qk_norm", c.qk_norm);
  v.field("pre_norm", c.pre_norm);
  v.layer_scale("layer_scale", c.layer_scale);
  v.field("class_token", c.class_token);
  v.field("distilled", c.distilled);
  v.field("reg_tokens", c.registers);
  v.named("position", kPositions, c.position);
  v.field("no_embed_class", c.no_embed_class);
  v.named("global_pool", kPools, c.pool);
  v.field("fc_norm", c.fc_norm);
  v.field("pre_logits", c.pre_logits);
  v.field("num_classes", c.classes);
  v.field("pos_drop_rate", c.position_dropout);
  v.field("proj_drop_rate", c.projection_dropout);
  v.field("drop_rate", c.head_dropout);
  v.field("drop_path_rate", c.drop_path);
}

VitConfig read(const json& object) {
  VitConfig c;
  Reader reader(object);
  std::string kind = "vit";
  reader.field("kind", kind);
  if (kind != "vit") {
    throw UsageError(fmt::format("model configuration: unknown kind '{}'; known is vit", kind));
  }
  visit_fields(c, reader);
  reader.refuse_unknown();
  return c;
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
  const int64_t positions =
      position == Position::kLearned ? patches() + (no_embed_class ? 0 : prefix_tokens()) : 0;
  const int64_t patch = patch_height * patch_width * channels * d + (patch_bias ? d : 0);
  return patch + (prefix_tokens() + positions) * d + (pre_norm ? norm(d) : 0) + depth * block +
         norm(d) + (pre_logits > 0 ? linear(d, pre_logits) : 0) +
         (classes > 0 ? linear(features(), classes) : 0) * (distilled ? 2 : 1);
}

int64_t VitConfig::macs() const {
  const int64_t n = tokens();
  const int64_t block = n * (4 * width * width + 2 * width * hidden()) + 2 * n * n * width;
  const int64_t heads_macs = features() * classes * (distilled ? 2 : 1) + width * pre_logits;
  return patches() * patch_height * patch_width * channels * width + depth * block + heads_macs;
}

void VitConfig::validate() const {
  const auto require = [](bool good, std::string_view what) {
    if (!good) throw UsageError(fmt::format("model configuration: {}", what));
  };
  const auto require_in = [&](std::string_view what, int64_t v, int64_t low, int64_t high) {
    require(v >= low && v <= high,
            fmt::format("{} must be between {} and {}, got {}", what, low, high, v));
  };
  require_in("img_size", image_height, 1, kMaxSide);
  require_in("img_size", image_width, 1, kMaxSide);
  require_in("patch_size", patch_height, 1, image_height);
  require_in("patch_size", patch_width, 1, image_width);
  require_in("in_chans", channels, 1, kMaxChannels);
  require_in("embed_dim", width, 1, kMaxWidth);
  require_in("depth", depth, 1, kMaxDepth);
  require_in("num_heads", heads, 1, width);
  require_in("reg_tokens", registers, 0, kMaxTokens);
  require_in("pre_logits", pre_logits, 0, kMaxWidth);
  require_in("num_classes", classes, 0, kMaxClasses);
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
    require(p >= 0 && p < 1, fmt::format("a dropout rate must be in [0, 1), got {}", p));
  }
}

std::string VitConfig::to_json() const {
  Writer writer;
  visit_fields(*this, writer);
  return writer.object.dump();
}

VitConfig VitConfig::from_json(std::string_view text) {
  VitConfig config;
  try {
    const json object = json::parse(text);
    if (!object.is_object()) throw UsageError("model configuration: not a JSON object");
    config = read(object);
  } catch (const json::exception& e) {
    throw UsageError(fmt::format("model configuration: {}", e.what()));
  }
  config.validate();
  return config;
}

VitConfig vit_config(std::string_view name) {
  std::match_results<std::string_view::const_iterator> m;
  constexpr size_t kMaxName = 64;  // std::regex recurses, and names come from files
  if (name.size() > kMaxName || !std::regex_match(name.begin(), name.end(), m, name_pattern())) {
    if (const auto sibling = vit_sibling(name)) return *sibling;
    throw UsageError(fmt::format(
        "unknown model '{}'; known are vit_{{tiny,small,medium,base,large,huge}}_patch16_224, "
        "timm's names of DeiT, DeiT-III, DINOv2 and CLIP towers, and plain ViTs such as "
        "vit_d128_l6_h4_patch4_28_gray",
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

bool names_classes(std::string_view name) {
  std::match_results<std::string_view::const_iterator> m;
  return std::regex_match(name.begin(), name.end(), m, name_pattern()) && m[8].matched;
}

}  // namespace vitrine
