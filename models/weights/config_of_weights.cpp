#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "core/error.hpp"
#include "models/networks/vit_config.hpp"
#include "models/weights/config_of_conv_weights.hpp"
#include "models/weights/config_of_weights.hpp"
#include "ops/relative_position_bias.hpp"

namespace vitrine {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 16;  // as vit_config
constexpr int64_t kMostBlocks = 1024;              // as there
constexpr int64_t kMostSaid = int64_t{1} << 14;    // pixels or heads, as there

struct HeadsOfWidth {
  int64_t width, heads;
};
// Published networks whose heads are not 64 wide: huge, giant, gigantic.
constexpr std::array<HeadsOfWidth, 3> kOtherHeads = {{{1280, 16}, {1408, 16}, {1664, 16}}};

/// What the parts of a block are called, by its form.
struct BlockNames {
  std::string norm;                   // of block {}
  std::string attention, mlp, scale;  // of block 0
  BlockForm form;
};

/// Reads sizes off the weights of a ViT.
class ConfigReader {
 public:
  ConfigReader(MappedWeights& weights, const SourceFacts& facts, std::string_view path)
      : weights_(weights), facts_(facts), path_(path) {}

  VitConfig read();

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw FormatError(FormatKind::kMismatch, path_, -1, what);
  }
  bool has(std::string_view name) const { return weights_.find(name) != nullptr; }
  /// Dimension `axis` of a tensor that must exist; negative axes count from the end.
  int64_t dim(std::string_view name, int axis) const;
  void read_patches();
  void read_backbone();
  void read_window();
  void read_attention_positions();
  void read_family();
  BlockNames block_names() const;
  void set_hidden(int64_t hidden, int64_t counted);
  void read_mlp(const std::string& mlp);
  void read_parallel();
  void read_heads(const std::string& attention);
  void read_blocks();
  void read_tokens();
  void read_positions();
  void read_head();
  std::optional<int64_t> grid_side(int64_t positions) const;

  MappedWeights& weights_;
  const SourceFacts& facts_;
  std::string path_;
  VitConfig c_;
};

int64_t ConfigReader::dim(std::string_view name, int axis) const {
  const MappedTensor* tensor = weights_.find(name);
  if (tensor == nullptr) refuse(fmt::format("no ViT: tensor {} is missing", name));
  const auto rank = static_cast<int>(tensor->shape.size());
  const int at = axis < 0 ? rank + axis : axis;
  if (at < 0 || at >= rank) refuse(fmt::format("{} has only {} dimensions", name, rank));
  return tensor->shape[static_cast<size_t>(at)];
}

void ConfigReader::read_patches() {
  constexpr std::string_view kWeight = "patch_embed.proj.weight";
  const MappedTensor* weight = weights_.find(kWeight);
  if (weight == nullptr || (weight->shape.size() != 4 && weight->shape.size() != 2)) {
    refuse("no ViT: patch_embed.proj.weight is missing or no convolution");
  }
  c_.width = weight->shape[0];
  if (weight->shape.size() == 4) {
    c_.channels = weight->shape[1];  // of a backbone's result, if there is one
    c_.patch_height = weight->shape[2];
    c_.patch_width = weight->shape[3];
  } else {  // old files have a matrix of RGB patches
    c_.channels = 3;
    const int64_t area = weight->shape[1] / c_.channels;
    c_.patch_height = c_.patch_width = std::llround(std::sqrt(static_cast<double>(area)));
    if (c_.patch_height * c_.patch_width * c_.channels != weight->shape[1]) {
      refuse(fmt::format("{} is a matrix, and not of square RGB patches", kWeight));
    }
  }
  if (std::min({c_.width, c_.channels, c_.patch_height, c_.patch_width}) < 1) {
    refuse(fmt::format("{} is empty", kWeight));
  }
  c_.patch_bias = has("patch_embed.proj.bias");
  c_.patch_norm = has("patch_embed.norm.weight");
}

void ConfigReader::read_backbone() {
  const std::string prefix = "patch_embed.backbone.";
  c_.backbone = resnetv2_of_weights(weights_, prefix, facts_, path_);
  if (!c_.backbone) return;
  c_.channels = dim(prefix + (c_.backbone->layers.empty() ? "conv.weight" : "stem.conv.weight"), 1);
}

/// The image whose patches a table of relative positions is for, a square; none if it fits none.
void ConfigReader::read_window() {
  constexpr std::string_view kOwn = "blocks.0.attn.relative_position_bias_table";
  constexpr std::string_view kShared = "rel_pos_bias.relative_position_bias_table";
  if (!c_.rel_pos_bias && !c_.shared_rel_pos_bias) return;
  const int64_t rows = dim(c_.rel_pos_bias ? kOwn : kShared, 0);
  for (int64_t side = 1; side * side <= kMostTokens; ++side) {
    if (relative_position_rows({side, side}) != rows) continue;
    c_.image_height = side * c_.patch_height;
    c_.image_width = side * c_.patch_width;
  }
}

/// What positions do within attention: seen of learned ones, said of others.
void ConfigReader::read_attention_positions() {
  c_.rel_pos_bias = has("blocks.0.attn.relative_position_bias_table");
  c_.shared_rel_pos_bias = has("rel_pos_bias.relative_position_bias_table");
  c_.rope = facts_.rope;
  const bool learned = c_.rope && c_.rope->learned();
  if (learned != has("rope.freqs")) {
    refuse(learned ? "rope.freqs, the learned rotary frequencies, are missing"
                   : "rope.freqs: learned rotary frequencies, and nothing says how they are used");
  }
}

/// timm's class, which names what is read here.
void ConfigReader::read_family() {
  c_.family = facts_.family;
  const bool keyless = has("blocks.0.attn.q_bias") || has("blocks.0.attn.q_proj.weight");
  if (c_.family != VitFamily::kVit) return;
  if (c_.rel_pos_bias || c_.shared_rel_pos_bias) {
    c_.family = VitFamily::kBeit;
  } else if (keyless || facts_.rope) {
    c_.family = VitFamily::kEva;
    if (facts_.source.starts_with("habits") && !facts_.rope) {
      refuse(
          "biases of queries and values alone, as EVA has them: weights do not show whether "
          "positions turn them; put timm's config.json beside the file");
    }
  }
}

/// `counted` numbers of the hidden layer's are what the ratio counts; hidden() cuts off what is
/// behind the point.
void ConfigReader::set_hidden(int64_t hidden, int64_t counted) {
  c_.mlp_ratio = static_cast<double>(counted) / static_cast<double>(c_.width);
  if (c_.hidden() < hidden) c_.mlp_ratio = std::nextafter(c_.mlp_ratio, 1e9);
}

void ConfigReader::read_mlp(const std::string& mlp) {
  const bool gated = has(mlp + "fc1_g.weight");
  const std::string first = mlp + (gated ? "fc1_g.weight" : "fc1.weight");
  const int64_t rows = dim(first, 0);
  const int64_t hidden = dim(mlp + "fc2.weight", -1);
  const bool packed = !gated && hidden * 2 == rows;
  c_.mlp = gated ? MlpKind::kGated : packed ? MlpKind::kGatedPacked : MlpKind::kPlain;
  set_hidden(hidden, packed && c_.family == VitFamily::kVit ? rows : hidden);
  if (!gated && !packed && rows != hidden) {
    refuse(fmt::format("{} has {} rows, and {}fc2.weight {} columns", first, rows, mlp, hidden));
  }
  c_.mlp_norm = has(mlp + "norm.weight");
  c_.proj_bias = has(mlp + "fc2.bias");
  c_.activation = facts_.activation;
  if (c_.mlp == MlpKind::kPlain || facts_.activation_said) return;
  c_.activation = Activation::kSilu;
  weights_.notes.emplace_back("weights do not show what a gate is: SiLU, as all that are known");
}

/// Both branches at once: the rows of the MLP and of q, k and v are one matrix.
void ConfigReader::read_parallel() {
  const int64_t hidden = dim("blocks.0.mlp_out_proj.weight", -1);
  const int64_t rows = dim("blocks.0.in_proj.weight", 0);
  if (rows != hidden + 3 * c_.width) {
    refuse(
        fmt::format("blocks.0.in_proj.weight has {} rows, for a hidden layer of {} and q, k, v "
                    "of {} it must have {}",
                    rows, hidden, c_.width, hidden + 3 * c_.width));
  }
  set_hidden(hidden, hidden);
  c_.qkv_bias = has("blocks.0.in_proj.bias");
  c_.proj_bias = has("blocks.0.mlp_out_proj.bias");
  c_.activation = facts_.activation;
}

BlockNames ConfigReader::block_names() const {
  if (has("blocks.0.in_norm.weight")) {
    return {"blocks.{}.in_norm", "blocks.0.", "", "blocks.0.ls.gamma", BlockForm::kParallel};
  }
  if (has("blocks.0.attns.0.norm.weight")) {
    return {"blocks.{}.attns.0.norm", "blocks.0.attns.0.attn.", "blocks.0.ffns.0.mlp.",
            "blocks.0.attns.0.ls.gamma", BlockForm::kParallelThings};
  }
  return {"blocks.{}.norm1", "blocks.0.attn.", "blocks.0.mlp.", "blocks.0.ls1.gamma",
          facts_.block_form};
}

void ConfigReader::read_blocks() {
  const BlockNames names = block_names();
  const auto norm_of = [&](int64_t block) { return fmt::format(fmt::runtime(names.norm), block); };
  c_.block_form = names.form;
  c_.depth = 0;
  while (c_.depth <= kMostBlocks && has(norm_of(c_.depth) + ".weight")) ++c_.depth;
  if (names.form == BlockForm::kParallel) {
    read_parallel();
  } else {
    read_mlp(names.mlp);
    c_.qkv_fused = !has(names.attention + "q_proj.weight");
    c_.qkv_bias = has(names.attention + "qkv.bias") || has(names.attention + "q_bias") ||
                  has(names.attention + "q_proj.bias");
  }
  c_.k_bias = c_.family == VitFamily::kVit;
  // DINOv3's files have one bias of all, whose part for k is not used; AttentionRope's is.
  if (c_.family == VitFamily::kEva && has("blocks.0.attn.qkv.bias")) {
    c_.k_bias = !facts_.rope || facts_.rope->table.rule != RotaryRule::kDinov3;
  }
  c_.qk_norm = has(names.attention + "q_norm.weight");
  c_.attn_norm = has(names.attention + "norm.weight");
  c_.norm = has(norm_of(0) + ".bias") ? NormKind::kLayer : NormKind::kRms;
  c_.pre_norm = has("norm_pre.weight");
  c_.layer_scale = has(names.scale) ? 1e-5 : 0;  // the values come from the file
  read_heads(names.attention);
}

void ConfigReader::read_heads(const std::string& attention) {
  c_.heads = facts_.heads;
  if (c_.heads == 0 && c_.qk_norm) {
    const int64_t head = dim(attention + "q_norm.weight", 0);
    c_.heads = head > 0 ? c_.width / head : 0;
  }
  if (c_.heads == 0 && facts_.rope_of_own_grid && !c_.class_token) c_.heads = 16;  // the gigantic
  for (const HeadsOfWidth& known : kOtherHeads) {
    if (c_.heads == 0 && known.width == c_.width) c_.heads = known.heads;
  }
  // Google's query kernels are (D, H, hd).
  const MappedTensor* qkv = weights_.find(attention + "qkv.weight");
  if (c_.heads == 0 && qkv != nullptr && qkv->parts.front().tensor.shape.size() == 3) {
    c_.heads = qkv->parts.front().tensor.shape[1];
  }
  if (c_.heads != 0) return;
  if (c_.width % facts_.head_width != 0) {
    refuse(
        fmt::format("the file does not say how many heads share the width of {}; put a "
                    "config.json beside it",
                    c_.width));
  }
  c_.heads = c_.width / facts_.head_width;
  weights_.notes.push_back(
      fmt::format("{} heads, since the file does not say and {} wide ones are "
                  "usual",
                  c_.heads, facts_.head_width));
}

void ConfigReader::read_tokens() {
  c_.class_token = has("cls_token");
  if (facts_.lone_distillation_token && has("dist_token") && !has("reg_token") &&
      !has("head_dist.weight")) {
    weights_.rename("dist_token", "reg_token");
    weights_.notes.push_back("the distillation token has no head: it is taken as a register");
  }
  if (has("reg_token") && dim("reg_token", -2) == 0) weights_.erase_all("reg_token");
  c_.distilled = has("dist_token");
  c_.registers = has("reg_token") ? dim("reg_token", -2) : 0;
}

/// The side of the square grid of so many patches.
std::optional<int64_t> ConfigReader::grid_side(int64_t positions) const {
  if (positions < 1 || positions > kMostTokens) return std::nullopt;
  VitConfig said_size = c_;
  said_size.image_height = facts_.image_height;
  said_size.image_width = facts_.image_width;
  const int64_t said = facts_.image_height > 0 ? said_size.patches() : 0;
  const int64_t side = std::llround(std::sqrt(static_cast<double>(positions)));
  if (said > 0 ? positions != said : side * side != positions) return std::nullopt;
  return side;
}

void ConfigReader::read_positions() {
  if (!has("pos_embed")) {
    if (!facts_.no_position && !c_.rope && !c_.rel_pos_bias && !c_.shared_rel_pos_bias) {
      refuse("no position embedding, and nothing says that the network has none");
    }
    c_.position = Position::kNone;
    c_.image_height = facts_.image_height;
    c_.image_width = facts_.image_width;
    if (c_.image_height == 0) read_window();
    if (c_.image_height == 0) refuse("neither a position embedding nor an image size");
    return;
  }
  const int64_t positions = dim("pos_embed", -2);
  if (dim("pos_embed", -1) != c_.width || positions < 1)
    refuse("pos_embed is not as wide as it should be");
  const int64_t prefix = c_.prefix_tokens();
  std::optional<int64_t> side = grid_side(positions - prefix);
  if (!side && prefix > 0) {
    side = grid_side(positions);
    c_.no_embed_class = side.has_value();
  }
  if (!side && prefix > 1 && c_.class_token) {
    side = grid_side(positions - 1);
    c_.no_embed_class = side.has_value();  // and the class token's is added to it: fit_names
  }
  if (!side) {
    refuse(fmt::format(
        "pos_embed has {} entries, which fit no grid of patches beside {} other "
        "tokens{}",
        positions, prefix,
        facts_.image_height == 0
            ? "; a config.json beside it could say"
            : fmt::format(" at {} x {} pixels", facts_.image_height, facts_.image_width)));
  }
  const bool said = facts_.image_height > 0;
  const int64_t shrink = c_.backbone ? c_.backbone->shrink() : 1;
  c_.image_height = said ? facts_.image_height : *side * c_.patch_height * shrink;
  c_.image_width = said ? facts_.image_width : *side * c_.patch_width * shrink;
  if (!facts_.rope_of_own_grid) return;
  c_.rope->table.reference = c_.grid();
  if (!c_.class_token) c_.rope->table.offset = 0;
}

void ConfigReader::read_head() {
  const bool head = has("head.weight");
  c_.classes = head ? dim("head.weight", 0) : 0;
  c_.fc_norm = has("fc_norm.weight");
  if (facts_.pool == Pool::kRawMean) {  // a file of the whole encoder has the norm all the same
    weights_.erase_all("norm.");
  }
  const bool map = has("attn_pool.latent");
  c_.pool = facts_.pool.value_or(map                             ? Pool::kMap
                                 : c_.fc_norm || !c_.class_token ? Pool::kMean
                                                                 : Pool::kToken);
  if (map && c_.pool != Pool::kMap) {
    weights_.erase_all("attn_pool.");
    weights_.notes.emplace_back("the head for attention pooling is left out: it is not used");
  }
  c_.pool_heads = facts_.pool_heads;
  if (c_.pool == Pool::kMap && map) {
    const int64_t rows = dim("attn_pool.mlp.fc1.weight", 0);
    if (rows != c_.pool_hidden()) {
      c_.pool_mlp_ratio = static_cast<double>(rows) / static_cast<double>(c_.width);
      if (c_.pool_hidden() < rows) c_.pool_mlp_ratio = std::nextafter(c_.pool_mlp_ratio, 1e9);
    }
  }
  c_.pool_prefix = facts_.pool_prefix;
  c_.final_norm = facts_.final_norm;
  if (has("pre_logits.fc.weight") && head) {
    c_.pre_logits = dim("pre_logits.fc.weight", 0);
  } else if (weights_.erase_all("pre_logits.") > 0) {
    weights_.notes.push_back("the pooler is left out: there is no head behind it");
  }
}

VitConfig ConfigReader::read() {
  const auto sane = [](int64_t said) { return said >= 0 && said <= kMostSaid; };
  if (!sane(facts_.image_height) || !sane(facts_.image_width) || !sane(facts_.heads)) {
    refuse(fmt::format("{} says {} x {} pixels and {} heads", facts_.source, facts_.image_height,
                       facts_.image_width, facts_.heads));
  }
  read_patches();
  read_backbone();
  read_tokens();
  read_attention_positions();
  read_family();
  read_positions();
  read_blocks();
  read_head();
  c_.norm_eps = facts_.norm_eps;
  try {
    c_.validate();
  } catch (const UsageError& e) {
    refuse(e.what());
  }
  return c_;
}

}  // namespace

std::unique_ptr<NetworkConfig> config_of_weights(MappedWeights& weights, const SourceFacts& facts,
                                                 std::string_view path) {
  if (weights.find("layer1.0.conv1.weight") != nullptr) {
    return std::make_unique<ResNetConfig>(resnet_of_weights(weights, facts, path));
  }
  if (weights.find("stages.0.blocks.0.conv1.weight") != nullptr) {
    return std::make_unique<BitConfig>(bit_of_weights(weights, facts, path));
  }
  return std::make_unique<VitConfig>(ConfigReader(weights, facts, path).read());
}

}  // namespace vitrine
