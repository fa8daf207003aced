#include "models/networks/vit_parts.hpp"

#include <fmt/format.h>

#include "models/networks/config_check.hpp"
#include "ops/relative_position_bias.hpp"

// What a ViT is made of: which parts go together, and the layers that its configuration plans.

namespace vitrine {
namespace {

void validate_pool(const VitConfig& c) {
  const bool reads_token = c.pool == Pool::kToken || c.pool == Pool::kTokenMean;
  require(!reads_token || c.class_token, "pooling by class token needs a class token");
  require(!c.fc_norm || (c.final_norm && c.pool != Pool::kTokenMean && c.pool != Pool::kRawMean),
          "fc_norm is for pooling by 'token', 'avg', 'max', 'avgmax' or 'map', and with a "
          "final_norm");
  require(!c.distilled || (c.class_token && c.pool == Pool::kToken),
          "a distilled model needs a class token, and pooling by it");
  require_in("attn_pool_heads", c.pool_heads, 0, c.width);
  const int64_t heads = c.pool_heads > 0 ? c.pool_heads : c.heads;
  require(c.pool != Pool::kMap || c.width % heads == 0,
          fmt::format("{} heads of attention pooling do not divide width {}", heads, c.width));
}

void validate_positions(const VitConfig& c) {
  const bool sincos = c.position == Position::kSinCosMoco || c.position == Position::kSinCosMae;
  require(!sincos || c.width % 4 == 0,
          "a sine-cosine embedding needs a width that is a multiple of 4");
  require(c.position != Position::kLearned2d || c.width % 2 == 0,
          "a learned 2-D embedding has half the width for the row, half for the column: embed_dim "
          "must be even");
  require(c.position_at == PositionAt::kStart || c.embeds_position(),
          "position_at is for embeddings that are added to the tokens; 'none' has nothing to add, "
          "'relative' acts in every block");
  require(c.position_at != PositionAt::kEvery || !sincos,
          "position_at 'every' is for learned tables; fixed ones are the same in every block: take "
          "'shared'");
  const bool bias = c.rel_pos_bias || c.shared_rel_pos_bias;
  require(!bias || (c.class_token && c.prefix_tokens() == 1),
          "a relative position bias is for one class token and patches");
  require(c.position != Position::kRelative || (!bias && !c.rope),
          "'relative' positions are alone in a network");
  if (!c.rope) return;
  const int64_t bands = c.rope->learned() ? 2 : 4;
  require(c.head_width() % bands == 0,
          fmt::format("rotary positions need heads of a multiple of {} numbers, these have {}",
                      bands, c.head_width()));
}

/// Parts that have a name in one of timm's classes alone.
void validate_family(const VitConfig& c) {
  const bool eva = c.family == VitFamily::kEva;
  require(c.qkv_fused || eva, "qkv_fused false is for kind 'eva'");
  require(c.k_bias || !c.qkv_bias || c.family != VitFamily::kVit,
          "k_bias false is for the kinds 'eva' and 'beit'");
  require(!c.backbone || c.family == VitFamily::kVit, "a hybrid is of kind 'vit'");
  require(c.qkv_fused || !c.qkv_bias || !c.k_bias,
          "q, k and v apart have no bias of the keys (k_bias false)");
}

void validate_block(const VitConfig& c) {
  require(c.mlp != MlpKind::kGatedPacked || c.family != VitFamily::kVit || c.mlp_hidden > 0 ||
              static_cast<int64_t>(static_cast<double>(c.width) * c.mlp_ratio) % 2 == 0,
          "a packed gate and its value need an even number of rows, embed_dim times mlp_ratio");
  if (c.block_form == BlockForm::kPre) return;
  require(c.position_at != PositionAt::kEvery, "position_at 'every' is for block 'pre'");
  require(c.block_form != BlockForm::kResPost || c.layer_scale == 0,
          "block 'res_post' has no layer_scale");
  const bool several = c.block_form != BlockForm::kResPost;
  require(!several || (!c.rope && !c.rel_pos_bias && !c.shared_rel_pos_bias && c.qkv_fused &&
                       c.position != Position::kRelative && c.family == VitFamily::kVit),
          "parallel blocks are for positions that are added to the tokens");
  require(c.block_form != BlockForm::kParallel ||
              (c.mlp == MlpKind::kPlain && !c.attn_norm && !c.mlp_norm),
          "block 'parallel' has a plain MLP and no norms within");
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

/// A norm: a gain and, of a layer norm, a bias for each number of the last axis.
void tell_norm(const VitConfig& c, const LayerTeller& part, std::string name, const Shape& result) {
  if (c.norm == NormKind::kLayer) return part.norm(std::move(name), result);
  part(std::move(name), result, result.dim(-1));
}

/// The table of BEiT's bias for h w patches.
int64_t relative_parameters(const VitConfig& c) {
  return relative_position_rows(c.grid()) * c.heads;
}

void tell_qkv(const VitConfig& c, const LayerTeller& block, const std::string& attn) {
  const int64_t n = c.tokens();
  const int64_t d = c.width;
  if (!c.qkv_fused) {
    block.product(attn + "q_proj", d, {n, d}, c.qkv_bias);
    block.product(attn + "k_proj", d, {n, d}, false);
    block.product(attn + "v_proj", d, {n, d}, c.qkv_bias);
    return;
  }
  block.product(attn + "qkv", d, {n, 3 * d}, c.qkv_bias && c.k_bias);
  if (!c.qkv_bias || c.k_bias) return;
  block(attn + "q_bias", {d}, d);
  block(attn + "v_bias", {d}, d);
}

/// From the queries, keys and values to what the heads found.
void tell_heads(const VitConfig& c, const LayerTeller& block, const std::string& attn) {
  const int64_t n = c.tokens();
  const int64_t d = c.width;
  if (c.qk_norm) {
    tell_norm(c, block, attn + "q_norm", {c.heads, n, c.head_width()});
    tell_norm(c, block, attn + "k_norm", {c.heads, n, c.head_width()});
  }
  if (c.position == Position::kRelative) {
    const int64_t offsets = 2 * n - 1;
    block(attn + "rel_pos", {c.heads, n, offsets}, offsets * c.head_width(), n * offsets * d);
  }
  if (c.rel_pos_bias) {
    block(attn + "relative_position_bias_table", {c.heads, n, n}, relative_parameters(c));
  }
  block(attn + "heads", {n, d}, 0, 2 * n * n * d);  // Q K^T, and its softmax times V
  if (c.attn_norm) tell_norm(c, block, attn + "norm", {n, d});
}

void tell_mlp(const VitConfig& c, const LayerTeller& block, const std::string& mlp) {
  const int64_t n = c.tokens();
  const int64_t d = c.width;
  const int64_t h = c.hidden();
  if (c.mlp == MlpKind::kGated) {
    block.product(mlp + "fc1_g", d, {n, h}, c.proj_bias);
    block.product(mlp + "fc1_x", d, {n, h}, c.proj_bias);
  } else {
    block.product(mlp + "fc1", d, {n, c.mlp == MlpKind::kPlain ? h : 2 * h}, c.proj_bias);
  }
  if (c.mlp_norm) tell_norm(c, block, mlp + "norm", {n, h});
  block.product(mlp + "fc2", h, {n, d}, c.proj_bias);
}

void tell_parallel_block(const VitConfig& c, const LayerTeller& block) {
  const int64_t n = c.tokens();
  const int64_t d = c.width;
  const int64_t h = c.hidden();
  tell_norm(c, block, "in_norm", {n, d});
  block.product("in_proj", d, {n, h + 3 * d}, c.qkv_bias);
  if (!c.qkv_bias) block("mlp_bias", {h}, h);
  tell_heads(c, block, "");
  block.product("attn_out_proj", d, {n, d}, c.proj_bias);
  block.product("mlp_out_proj", h, {n, d}, c.proj_bias);
  if (c.layer_scale > 0) block("ls", {n, d}, d);
}

/// The layers of an encoder block. Sums of a branch and its input count nothing.
void tell_block(const VitConfig& c, const LayerTeller& block) {
  const int64_t n = c.tokens();
  const int64_t d = c.width;
  if (c.block_form == BlockForm::kParallel) return tell_parallel_block(c, block);
  const bool things = c.block_form == BlockForm::kParallelThings;
  const bool gamma = c.family != VitFamily::kVit;
  const auto scale = [&](const std::string& name) {
    if (c.layer_scale > 0) block(name, {n, d}, d);
  };
  for (int j = 0; j < (things ? kParallelThings : 1); ++j) {
    const std::string at = things ? fmt::format("attns.{}.", j) : "";
    tell_norm(c, block, things ? at + "norm" : "norm1", {n, d});
    tell_qkv(c, block, at + "attn.");
    tell_heads(c, block, at + "attn.");
    block.product(at + "attn.proj", d, {n, d}, c.proj_bias);
    scale(things ? at + "ls" : gamma ? "gamma_1" : "ls1");
  }
  for (int j = 0; j < (things ? kParallelThings : 1); ++j) {
    const std::string at = things ? fmt::format("ffns.{}.", j) : "";
    tell_norm(c, block, things ? at + "norm" : "norm2", {n, d});
    tell_mlp(c, block, at + "mlp.");
    scale(things ? at + "ls" : gamma ? "gamma_2" : "ls2");
  }
}

/// One query of every image for all tokens that are pooled.
void tell_attention_pool(const VitConfig& c, const LayerTeller& part) {
  const int64_t seen = c.tokens() - c.skipped_tokens();
  const int64_t d = c.width;
  part("attn_pool.latent", {1, d}, d);
  part.product("attn_pool.q", d, {1, d}, true);
  part.product("attn_pool.kv", d, {seen, 2 * d}, true);
  part("attn_pool.heads", {1, d}, 0, 2 * seen * d);
  part.product("attn_pool.proj", d, {1, d}, true);
  tell_norm(c, part, "attn_pool.norm", {1, d});
  part.product("attn_pool.mlp.fc1", d, {1, c.pool_hidden()}, true);
  part.product("attn_pool.mlp.fc2", c.pool_hidden(), {1, d}, true);
}

}  // namespace

void validate_vit_parts(const VitConfig& c) {
  validate_pool(c);
  validate_positions(c);
  validate_family(c);
  validate_block(c);
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
  if (patch_norm) tell_norm(*this, network, "patch_embed.norm", {patches(), d});
  if (class_token) network("cls_token", {1, d}, d);
  if (distilled) network("dist_token", {1, d}, d);
  if (registers > 0) network("reg_token", {registers, d}, registers * d);
  tell_position(*this, network);
  if (rope && rope->learned()) {
    network("rope.freqs", {2, depth, heads, head_width() / 2}, depth * d);
  }
  if (shared_rel_pos_bias) {
    network("rel_pos_bias.relative_position_bias_table", {heads, n, n}, relative_parameters(*this));
  }
  if (pre_norm) tell_norm(*this, network, "norm_pre", {n, d});
  for (int64_t i = 0; i < depth; ++i) {
    const LayerTeller block{f, fmt::format("blocks.{}", i)};
    if (i > 0 && position_at == PositionAt::kEvery) tell_position(*this, block);
    tell_block(*this, block);
  }

  // What is pooled, or the tokens that have heads of their own.
  const auto pooled = [&](int64_t size) { return distilled ? Shape{2, size} : Shape{size}; };
  if (norms_at_end() && !fc_norm) tell_norm(*this, network, "norm", {n, d});
  if (pool == Pool::kMap) tell_attention_pool(*this, network);
  if (norms_at_end() && fc_norm) tell_norm(*this, network, "fc_norm", pooled(d));
  if (pre_logits > 0) {
    network.product("pre_logits.fc", pooled_width(), pooled(pre_logits), true);
  }
  if (classes == 0) return;
  network.product("head", features(), {classes}, true);
  if (distilled) network.product("head_dist", features(), {classes}, true);
}

}  // namespace vitrine
