#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "core/error.hpp"
#include "models/networks/vit_config.hpp"
#include "models/weights/config_of_conv_weights.hpp"
#include "models/weights/config_of_weights.hpp"

namespace vitrine {
namespace {

constexpr int64_t kUsualHeadWidth = 64;
constexpr int64_t kMostTokens = int64_t{1} << 16;  // as vit_config
constexpr int64_t kMostBlocks = 1024;              // as there
constexpr int64_t kMostSaid = int64_t{1} << 14;    // pixels or heads, as there

struct HeadsOfWidth {
  int64_t width, heads;
};
// Published networks whose heads are not 64 wide: huge, giant, gigantic.
constexpr std::array<HeadsOfWidth, 3> kOtherHeads = {{{1280, 16}, {1408, 16}, {1664, 16}}};

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
  void read_blocks();
  void read_tokens();
  void read_positions();
  void read_head();
  std::optional<int64_t> grid_side(int64_t positions) const;
  void fold_class_position(MappedTensor& position);

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
}

void ConfigReader::read_backbone() {
  const std::string prefix = "patch_embed.backbone.";
  c_.backbone = resnetv2_of_weights(weights_, prefix, facts_, path_);
  if (!c_.backbone) return;
  c_.channels = dim(prefix + (c_.backbone->layers.empty() ? "conv.weight" : "stem.conv.weight"), 1);
}

void ConfigReader::read_blocks() {
  c_.depth = 0;
  while (c_.depth <= kMostBlocks && has(fmt::format("blocks.{}.norm1.weight", c_.depth))) {
    ++c_.depth;
  }
  const int64_t hidden = dim("blocks.0.mlp.fc1.weight", 0);
  // hidden() cuts off what is behind the point.
  c_.mlp_ratio = static_cast<double>(hidden) / static_cast<double>(c_.width);
  if (c_.hidden() < hidden) c_.mlp_ratio = std::nextafter(c_.mlp_ratio, 1e9);
  if (dim("blocks.0.mlp.fc2.weight", -1) * 2 == hidden) {
    throw FormatError(FormatKind::kUnsupported, path_, -1,
                      "an MLP with gates (SwiGLU), as DINOv2's giant has");
  }
  c_.qkv_bias = has("blocks.0.attn.qkv.bias");
  c_.qk_norm = has("blocks.0.attn.q_norm.weight");
  c_.pre_norm = has("norm_pre.weight");
  c_.layer_scale = has("blocks.0.ls1.gamma") ? 1e-5 : 0;  // the values come from the file

  c_.heads = facts_.heads;
  if (c_.heads == 0 && c_.qk_norm) {
    const int64_t head = dim("blocks.0.attn.q_norm.weight", 0);
    c_.heads = head > 0 ? c_.width / head : 0;
  }
  for (const HeadsOfWidth& known : kOtherHeads) {
    if (c_.heads == 0 && known.width == c_.width) c_.heads = known.heads;
  }
  // Google's query kernels are (D, H, hd).
  const MappedTensor* qkv = weights_.find("blocks.0.attn.qkv.weight");
  if (c_.heads == 0 && qkv != nullptr && qkv->parts.front().tensor.shape.size() == 3) {
    c_.heads = qkv->parts.front().tensor.shape[1];
  }
  if (c_.heads != 0) return;
  if (c_.width % kUsualHeadWidth != 0) {
    refuse(
        fmt::format("the file does not say how many heads share the width of {}; put a "
                    "config.json beside it",
                    c_.width));
  }
  c_.heads = c_.width / kUsualHeadWidth;
  weights_.notes.push_back(
      fmt::format("{} heads, since the file does not say and {} wide ones are "
                  "usual",
                  c_.heads, kUsualHeadWidth));
}

void ConfigReader::read_tokens() {
  c_.class_token = has("cls_token");
  if (facts_.lone_distillation_token && has("dist_token") && !has("reg_token") &&
      !has("head_dist.weight")) {
    weights_.rename("dist_token", "reg_token");
    weights_.notes.push_back("the distillation token has no head: it is taken as a register");
  }
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

/// DINOv2 adds positions before it puts the registers in: the class token's is a constant.
void ConfigReader::fold_class_position(MappedTensor& position) {
  MappedTensor* token = weights_.find("cls_token");
  MappedPart& part = position.parts.front();
  if (token == nullptr || position.parts.size() != 1 || part.layout != Layout::kSame ||
      part.tensor.size() != position.shape[position.shape.size() - 2] * c_.width) {
    refuse("pos_embed is not one vector per position");
  }
  const size_t row =
      part.tensor.bytes.size() / static_cast<size_t>(position.shape[position.shape.size() - 2]);
  MappedPart first = part;
  first.tensor.shape = {1, 1, c_.width};
  first.tensor.bytes = part.tensor.bytes.first(row);
  first.added = true;
  token->parts.push_back(first);
  part.tensor.bytes = part.tensor.bytes.subspan(row);
  --part.tensor.shape[part.tensor.shape.size() - 2];
  --position.shape[position.shape.size() - 2];
  weights_.notes.push_back("the position of the class token is added to cls_token");
}

void ConfigReader::read_positions() {
  MappedTensor* position = weights_.find("pos_embed");
  if (position == nullptr) {
    if (!facts_.no_position) {
      refuse("no position embedding, and nothing says that the network has none");
    }
    c_.position = Position::kNone;
    c_.image_height = facts_.image_height;
    c_.image_width = facts_.image_width;
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
    if (side) {
      fold_class_position(*position);
      c_.no_embed_class = true;
    }
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
}

void ConfigReader::read_head() {
  MappedTensor* head = weights_.find("head.weight");
  c_.classes = head == nullptr ? 0 : dim("head.weight", 0);
  if (head != nullptr && !has("head.bias")) {
    weights_.at(weights_.place_of("head.bias")).shape = {c_.classes};
    weights_.notes.push_back("the head has no bias: zeros");
  }
  c_.fc_norm = has("fc_norm.weight");
  if (facts_.pool == Pool::kRawMean) {  // a file of the whole encoder has the norm all the same
    weights_.erase_all("norm.");
  }
  c_.pool = facts_.pool.value_or(c_.fc_norm || !c_.class_token ? Pool::kMean : Pool::kToken);
  if (has("pre_logits.fc.weight") && head != nullptr) {
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
  read_positions();
  read_blocks();
  read_head();
  c_.activation = facts_.activation;
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
