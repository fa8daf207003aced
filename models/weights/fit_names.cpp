#include "models/weights/fit_names.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "models/networks/vit_config.hpp"

namespace vitrine {
namespace {

class NameFitter {
 public:
  NameFitter(MappedWeights& weights, const VitConfig& config, std::string_view path)
      : weights_(weights), c_(config), path_(path) {}

  void fit() {
    for (int64_t i = 0; i < c_.depth; ++i) fit_block(fmt::format("blocks.{}.", i));
    fold_class_position();
    add_head_bias();
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw FormatError(FormatKind::kMismatch, path_, -1, what);
  }
  void fit_block(const std::string& block);
  void part_bias(const std::string& attn);
  void fold_class_position();
  void add_head_bias();

  MappedWeights& weights_;
  const VitConfig& c_;
  std::string_view path_;
};

void NameFitter::fit_block(const std::string& block) {
  if (c_.family != VitFamily::kVit) {
    weights_.rename(block + "ls1.gamma", block + "gamma_1");
    weights_.rename(block + "ls2.gamma", block + "gamma_2");
  }
  if (c_.mlp == MlpKind::kGated) {
    for (const char* what : {"weight", "bias"}) {
      weights_.rename(block + "mlp.fc1." + what, block + "mlp.fc1_x." + what);
    }
  }
  const std::string attn = block + "attn.";
  if (!c_.qkv_fused) {
    weights_.rename(attn + "q_bias", attn + "q_proj.bias");
    weights_.rename(attn + "v_bias", attn + "v_proj.bias");
  } else if (c_.family != VitFamily::kVit && !c_.k_bias) {
    part_bias(attn);
  }
}

/// One bias of q, k and v: what is there for k is not used. A network without biases has none of
/// all three, where DINOv3's files have zeros.
void NameFitter::part_bias(const std::string& attn) {
  const std::string joint = attn + "qkv.bias";
  const MappedTensor* found = weights_.find(joint);
  if (found == nullptr) return;
  if (found->parts.size() != 1 || found->parts[0].tensor.size() != 3 * c_.width) {
    refuse(fmt::format("{} is not one number for each of q, k and v", joint));
  }
  const MappedPart whole = found->parts[0];
  weights_.erase_all(joint);
  if (!c_.qkv_bias) return;
  const size_t size = whole.tensor.bytes.size() / 3;
  for (const auto& [name, at] : {std::pair{"q_bias", size_t{0}}, std::pair{"v_bias", 2 * size}}) {
    MappedTensor& part = weights_.at(weights_.place_of(attn + name));
    part.shape = {c_.width};
    part.parts = {whole};
    part.parts[0].tensor.shape = {c_.width};
    part.parts[0].tensor.bytes = whole.tensor.bytes.subspan(at, size);
  }
}

/// DINOv2 adds positions before it puts the registers in: the class token's is a constant.
void NameFitter::fold_class_position() {
  MappedTensor* position = weights_.find("pos_embed");
  if (position == nullptr || !c_.no_embed_class || !c_.class_token || position->shape.size() < 2) {
    return;
  }
  int64_t& rows = position->shape[position->shape.size() - 2];
  if (rows != c_.patches() + 1) return;
  MappedTensor* token = weights_.find("cls_token");
  MappedPart& part = position->parts.front();
  if (token == nullptr || position->parts.size() != 1 || part.layout != Layout::kSame ||
      part.tensor.size() != rows * c_.width) {
    refuse("pos_embed is not one vector per position");
  }
  const size_t row = part.tensor.bytes.size() / static_cast<size_t>(rows);
  MappedPart first = part;
  first.tensor.shape = {1, 1, c_.width};
  first.tensor.bytes = part.tensor.bytes.first(row);
  first.added = true;
  token->parts.push_back(first);
  part.tensor.bytes = part.tensor.bytes.subspan(row);
  --part.tensor.shape[part.tensor.shape.size() - 2];
  --rows;
  weights_.notes.push_back("the position of the class token is added to cls_token");
}

/// Projections have none.
void NameFitter::add_head_bias() {
  if (weights_.find("head.weight") == nullptr || weights_.find("head.bias") != nullptr) return;
  weights_.at(weights_.place_of("head.bias")).shape = {c_.classes};
  weights_.notes.emplace_back("the head has no bias: zeros");
}

}  // namespace

void fit_names(MappedWeights& weights, const NetworkConfig& config, std::string_view path) {
  if (const auto* vit = dynamic_cast<const VitConfig*>(&config)) {
    NameFitter(weights, *vit, path).fit();
  }
}

}  // namespace vitrine
