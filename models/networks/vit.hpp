#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/networks/layers.hpp"
#include "models/networks/position_embedding.hpp"
#include "models/networks/resnetv2.hpp"
#include "models/networks/vit_config.hpp"

namespace vitrine {

/// Multi-head self-attention (Vaswani et al. 2017, section 3.2; the paper's eq. 2).
/// qkv is one matrix whose rows are those of q, then k, then v, each head after head.
struct Attention {
  Linear qkv, proj;
  LayerNorm q_norm, k_norm;  // over the head's width; only with qk_norm
  Parameter rel_pos;         // (2 N - 1, D / heads), a key per offset; only with relative positions
  int64_t heads = 1;

  /// x (B, N, D) -> what the heads found, side by side, before proj: (B, N, D)
  Tensor heads_of(const Tensor& x, const Pass& pass, const std::string& name) const;

  template <class F>
  void visit(const std::string& name, F&& f) {
    qkv.visit(name + ".qkv", f);
    q_norm.visit(name + ".q_norm", f);
    k_norm.visit(name + ".k_norm", f);
    if (rel_pos.defined()) f(name + ".rel_pos", rel_pos, Role::kToken);
    proj.visit(name + ".proj", f);
  }
};

/// Two linear layers with an activation between them.
struct Mlp {
  Linear fc1, fc2;
  Activation activation = Activation::kGelu;

  /// x (B, N, D) -> residual + scale * fc2(activation(fc1(x))), as ops' mlp: (B, N, D)
  Tensor operator()(const Tensor& x, const Tensor& residual = {}, const Tensor& scale = {}) const;

  /// x (B, N, D) -> the hidden layer after the activation: (B, N, M)
  Tensor hidden_of(const Tensor& x, const Pass& pass, const std::string& name) const;

  template <class F>
  void visit(const std::string& name, F&& f) {
    fc1.visit(name + ".fc1", f);
    fc2.visit(name + ".fc2", f);
  }
};

/// One encoder block, pre-norm (the paper's eq. 2 and 3):
///   x = x + DropPath(ls1 * MSA(LN(x)))
///   x = x + DropPath(ls2 * MLP(LN(x)))
struct Block {
  PositionEmbedding pos_embed;  // added to the input; only where every block has its own
  LayerNorm norm1, norm2;
  Attention attn;
  Mlp mlp;
  Parameter ls1, ls2;  // LayerScale (D), or absent
  float dropout = 0;
  float drop_path = 0;
  int64_t index = 0;

  /// (B, N, D) -> (B, N, D)
  Tensor operator()(const Tensor& input, const Pass& pass) const;

  template <class F>
  void visit(const std::string& name, F&& f) {
    pos_embed.visit(name + ".pos_embed", f);
    norm1.visit(name + ".norm1", f);
    attn.visit(name + ".attn", f);
    if (ls1.defined()) f(name + ".ls1.gamma", ls1, Role::kVector);
    norm2.visit(name + ".norm2", f);
    mlp.visit(name + ".mlp", f);
    if (ls2.defined()) f(name + ".ls2.gamma", ls2, Role::kVector);
  }
};

/// The vision transformer (Dosovitskiy et al. 2020, arXiv 2010.11929) and the siblings that
/// VitConfig can say. Parameter names are timm's.
struct Vit : Network {
  VitConfig config;
  Parameter cls_token, dist_token, reg_token;  // (1, 1, D), (1, 1, D), (1, R, D)
  PositionEmbedding pos_embed;
  std::optional<ResNetV2> backbone;  // of a hybrid
  Linear patch_embed;                // weight (D, C, p, q), bias (D)
  LayerNorm norm_pre, norm, fc_norm;
  std::vector<Block> blocks;
  Linear pre_logits, head, head_dist;

  /// Allocates the parameters and leaves them uninitialised. Throws UsageError if the configuration
  /// is impossible.
  explicit Vit(const VitConfig& config);

  const NetworkConfig& network_config() const override { return config; }

  Tensor operator()(const Tensor& images, const Pass& pass = {}) const override;
  HeadLogits heads(const Tensor& images, const Pass& pass = {}) const override;

  /// The pooled tokens after the last norm and, if there is one, the layer before the head; of a
  /// distilled model the mean of both tokens.
  Tensor features(const Tensor& images, const Pass& pass = {}) const override;

  /// Position embedding normal with deviation 0.02, the other tokens normal with 1e-6; the rest as
  /// the scheme says.
  void initialize(uint64_t seed, WeightInit scheme = WeightInit::kTimm) override;

  /// Takes sizes that are multiples of the pixels of a patch, VitConfig::patch_pixels, so that
  /// nothing of the image is left out; its own size always. Relative positions are for one size.
  void resize(int64_t image_height, int64_t image_width, PositionResampling method) override;
  void freeze() override;
  int64_t layers() const override { return config.depth + 2; }
  int64_t layer_of(std::string_view parameter) const override;

  void visit(const ParameterVisitor& f) override {
    if (cls_token.defined()) f("cls_token", cls_token, Role::kToken);
    if (dist_token.defined()) f("dist_token", dist_token, Role::kToken);
    if (reg_token.defined()) f("reg_token", reg_token, Role::kToken);
    pos_embed.visit("pos_embed", f);
    if (backbone) backbone->visit("patch_embed.backbone", f);
    patch_embed.visit("patch_embed.proj", f);
    norm_pre.visit("norm_pre", f);
    for (size_t i = 0; i < blocks.size(); ++i) blocks[i].visit("blocks." + std::to_string(i), f);
    norm.visit("norm", f);
    fc_norm.visit("fc_norm", f);
    pre_logits.visit("pre_logits.fc", f);
    head.visit("head", f);
    head_dist.visit("head_dist", f);
  }

 private:
  Tensor tokens_of(const Tensor& images, const Pass& pass) const;
  Tensor pooled(const Tensor& x, const Pass& pass) const;
  Tensor encoded(const Tensor& images, const Pass& pass) const;
  Tensor before_head(const Tensor& x, const Pass& pass) const;
};

/// The ViT that this network is. Throws UsageError that names `what`, which needs one.
const Vit& as_vit(const Network& network, std::string_view what = "this");

}  // namespace vitrine
