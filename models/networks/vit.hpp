#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/networks/attention_pool.hpp"
#include "models/networks/layers.hpp"
#include "models/networks/position_embedding.hpp"
#include "models/networks/resnetv2.hpp"
#include "models/networks/vit_block.hpp"
#include "models/networks/vit_config.hpp"

namespace vitrine {

/// The vision transformer (Dosovitskiy et al. 2020, arXiv 2010.11929) and the siblings that
/// VitConfig can say. Parameter names are timm's.
struct Vit : Network {
  VitConfig config;
  Parameter cls_token, dist_token, reg_token;  // (1, 1, D), (1, 1, D), (1, R, D)
  PositionEmbedding pos_embed;
  std::optional<ResNetV2> backbone;  // of a hybrid
  Linear patch_embed;                // weight (D, C, p, q), bias (D)
  Norm patch_norm;                   // of the patches, before positions are added
  Parameter rope_freqs;              // (2, L, H, hd / 2), learned rotary frequencies
  Parameter rel_table;               // BEiT's bias of the scores, where all blocks share it
  Norm norm_pre, norm, fc_norm;
  std::vector<Block> blocks;
  AttentionPool attn_pool;
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

  /// As timm's class of the network has it (vit_init.cpp); kJax is for VisionTransformer alone.
  void initialize(uint64_t seed, WeightInit scheme = WeightInit::kTimm) override;

  /// Takes sizes that are multiples of the pixels of a patch, VitConfig::patch_pixels, so that
  /// nothing of the image is left out; its own size always. Relative positions are for one size,
  /// tables of BEiT's bias for square grids.
  void resize(int64_t image_height, int64_t image_width, PositionResampling method) override;

  /// The same with patches of another size, as long as the network is not frozen: their weight is
  /// resampled by the same method (resample_patch_weight). A hybrid's patches keep their size.
  void resize(Size2d image, Size2d patch, PositionResampling method);
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
    patch_norm.visit("patch_embed.norm", f);
    if (rope_freqs.defined()) f("rope.freqs", rope_freqs, Role::kToken);
    if (rel_table.defined()) {
      f("rel_pos_bias.relative_position_bias_table", rel_table, Role::kToken);
    }
    norm_pre.visit("norm_pre", f);
    for (size_t i = 0; i < blocks.size(); ++i) blocks[i].visit("blocks." + std::to_string(i), f);
    norm.visit("norm", f);
    attn_pool.visit("attn_pool", f);
    fc_norm.visit("fc_norm", f);
    pre_logits.visit("pre_logits.fc", f);
    head.visit("head", f);
    head_dist.visit("head_dist", f);
  }

 private:
  void set_turns();
  Block at_work(const Block& block, const Tensor& bias) const;
  Tensor tokens_of(const Tensor& images, const Pass& pass) const;
  Tensor pool_of(const Tensor& tokens, const Pass& pass) const;
  Tensor pooled(const Tensor& x, const Pass& pass) const;
  Tensor encoded(const Tensor& images, const Pass& pass) const;
  Tensor before_head(const Tensor& x, const Pass& pass) const;
};

/// The tokens (B, N, D) behind the first `skipped` ones as one vector each: their mean, their
/// largest numbers (kMax), or half the sum of both (kMeanMax): (B, D).
Tensor pool_tokens(Pool pool, const Tensor& tokens, int64_t skipped);

/// The ViT that this network is. Throws UsageError that names `what`, which needs one.
const Vit& as_vit(const Network& network, std::string_view what = "this");

}  // namespace vitrine
