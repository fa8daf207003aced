#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "models/networks/init.hpp"
#include "models/networks/name_suffix.hpp"
#include "models/networks/position_embedding.hpp"
#include "models/networks/vit.hpp"
#include "ops/relative_position_bias.hpp"

namespace vitrine {
namespace {

// timm's init_weights_vit_timm and init_weights_vit_jax.
constexpr double kDeviation = 0.02;
constexpr double kTokenDeviation = 1e-6;
constexpr double kMlpBiasDeviation = 1e-6;
constexpr double kGateDeviation = 1e-6;
constexpr double kHeadScale = 0.001;  // of Eva and Beit

Linear make_linear(int64_t out, int64_t in, bool bias) {
  Linear linear;
  linear.weight.value = Tensor::empty({out, in});
  if (bias) linear.bias.value = Tensor::empty({out});
  return linear;
}

Norm make_norm(const VitConfig& c, int64_t width) {
  Norm norm;
  norm.kind = c.norm;
  norm.eps = static_cast<float>(c.norm_eps);
  norm.weight.value = Tensor::empty({width});
  if (c.norm == NormKind::kLayer) norm.bias.value = Tensor::empty({width});
  return norm;
}

Parameter make_vector(int64_t width) { return {Tensor::empty({width}), {}}; }

PositionEmbedding make_position(const VitConfig& c) {
  PositionEmbedding position;
  position.trained = c.position == Position::kLearned || c.position == Position::kLearned2d;
  if (c.position == Position::kLearned2d) {
    position.rows.value = Tensor::empty({1, c.grid_height(), c.width / 2});
    position.columns.value = Tensor::empty({1, c.grid_width(), c.width / 2});
  } else if (c.embeds_position()) {
    position.table.value = Tensor::empty({1, c.prefix_positions() + c.patches(), c.width});
  }
  return position;
}

bool is_position(std::string_view name) {
  return name.find("pos_embed") != std::string_view::npos || name.ends_with(".rel_pos");
}

Attention make_attention(const VitConfig& c) {
  Attention attn;
  attn.heads = c.heads;
  if (c.position == Position::kRelative) {
    attn.rel_pos.value = Tensor::empty({2 * c.tokens() - 1, c.head_width()});
  }
  if (c.rel_pos_bias) {
    attn.rel_table.value = Tensor::empty({relative_position_rows(c.grid()), c.heads});
    attn.window = c.grid();
  }
  if (c.rope) attn.layout = c.rope->table.layout;
  attn.prefix = c.prefix_tokens();
  if (!c.qkv_fused) {
    attn.q_proj = make_linear(c.width, c.width, c.qkv_bias);
    attn.k_proj = make_linear(c.width, c.width, false);
    attn.v_proj = make_linear(c.width, c.width, c.qkv_bias);
  } else if (c.block_form != BlockForm::kParallel) {
    attn.qkv = make_linear(3 * c.width, c.width, c.qkv_bias && c.k_bias);
    if (c.qkv_bias && !c.k_bias) attn.q_bias = make_vector(c.width);
    if (c.qkv_bias && !c.k_bias) attn.v_bias = make_vector(c.width);
  }
  attn.proj = make_linear(c.width, c.width, c.proj_bias);
  if (c.qk_norm) attn.q_norm = make_norm(c, c.head_width());
  if (c.qk_norm) attn.k_norm = make_norm(c, c.head_width());
  if (c.attn_norm) attn.norm = make_norm(c, c.width);
  return attn;
}

Mlp make_mlp(const VitConfig& c) {
  Mlp mlp;
  mlp.activation = c.activation;
  mlp.packed = c.mlp == MlpKind::kGatedPacked;
  const int64_t h = c.hidden();
  if (c.mlp == MlpKind::kGated) {
    mlp.fc1_g = make_linear(h, c.width, c.proj_bias);
    mlp.fc1_x = make_linear(h, c.width, c.proj_bias);
  } else if (c.block_form != BlockForm::kParallel) {
    mlp.fc1 = make_linear(mlp.packed ? 2 * h : h, c.width, c.proj_bias);
  }
  if (c.mlp_norm) mlp.norm = make_norm(c, h);
  mlp.fc2 = make_linear(c.width, h, c.proj_bias);
  return mlp;
}

/// Norms, attention, MLP and LayerScale of a block, or of one of the things of a block.
void fill_block(Block& block, const VitConfig& c) {
  block.dropout = static_cast<float>(c.projection_dropout);
  block.drop_path = static_cast<float>(c.drop_path_of(block.index));
  block.norm1 = make_norm(c, c.width);
  block.norm2 = make_norm(c, c.width);
  block.attn = make_attention(c);
  block.mlp = make_mlp(c);
  if (c.layer_scale == 0) return;
  block.ls1 = make_vector(c.width);
  block.ls2 = make_vector(c.width);
}

Block make_block(const VitConfig& c, int64_t index) {
  Block block;
  block.form = c.block_form;
  block.index = block.mask_place = index;
  block.gamma_names = c.family != VitFamily::kVit;
  if (c.block_form == BlockForm::kParallelThings) {
    for (int j = 0; j < kParallelThings; ++j) {
      Block thing;
      thing.index = index;
      thing.mask_place = index + j * c.depth;
      fill_block(thing, c);
      block.things.push_back(std::move(thing));
    }
    return block;
  }
  fill_block(block, c);
  if (index > 0 && c.position_at == PositionAt::kEvery) block.pos_embed = make_position(c);
  if (c.block_form != BlockForm::kParallel) return block;
  block.in_proj = make_linear(c.hidden() + 3 * c.width, c.width, c.qkv_bias);
  if (!c.qkv_bias) block.mlp_bias = make_vector(c.hidden());
  return block;
}

AttentionPool make_attention_pool(const VitConfig& c) {
  AttentionPool pool;
  pool.heads = c.pool_heads > 0 ? c.pool_heads : c.heads;
  pool.latent.value = Tensor::empty({1, 1, c.width});
  pool.q = make_linear(c.width, c.width, true);
  pool.kv = make_linear(2 * c.width, c.width, true);
  pool.proj = make_linear(c.width, c.width, true);
  pool.norm = make_norm(c, c.width);
  // timm's Eva has GELU there, whatever its blocks have.
  pool.mlp.activation = c.family == VitFamily::kEva ? Activation::kGelu : c.activation;
  pool.mlp.fc1 = make_linear(c.pool_hidden(), c.width, true);
  pool.mlp.fc2 = make_linear(c.width, c.pool_hidden(), true);
  return pool;
}

void fill(Parameter& p, double value) {
  std::fill_n(p.value.mutable_data(), p.value.numel(), static_cast<float>(value));
}

/// The block of "blocks.7.attn..." from 0 on.
int64_t block_of(std::string_view name) {
  return leading_number(name.substr(std::string_view("blocks.").size()));
}

/// Learned rotary frequencies (2, L, H, hd / 2), as timm has them: bands T^(-4k / hd) along a
/// random direction for each head of each block, and along the one across.
void fill_frequencies(Parameter& p, double temperature, uint64_t seed, const std::string& name) {
  const int64_t pairs = p.value.dim(3);
  const int64_t bands = pairs / 2;
  const int64_t heads = p.value.dim(1) * p.value.dim(2);
  Parameter angles{Tensor::empty({heads}), {}};
  fill_uniform(angles.value, std::numbers::pi, seed, name);
  float* to = p.value.mutable_data();
  for (int64_t axis = 0; axis < 2; ++axis) {
    for (int64_t head = 0; head < heads; ++head) {
      const auto direction = static_cast<double>(angles.value.data()[head]);
      for (int64_t j = 0; j < pairs; ++j) {
        const double band = static_cast<double>(j % bands) / static_cast<double>(bands);
        const double across = j < bands ? 0 : std::numbers::pi / 2;
        const double turn = direction + across;
        *to++ = static_cast<float>(std::pow(temperature, -band) *
                                   (axis == 0 ? std::cos(turn) : std::sin(turn)));
      }
    }
  }
}

/// Where timm leaves a gate open at first: weights of nearly 0 and biases of 1, of the gate, and of
/// the value where both are packed.
bool fill_open_gate(Parameter& p, const VitConfig& c, const std::string& name, uint64_t seed) {
  if (c.family != VitFamily::kVit || !name.starts_with("blocks.")) return false;
  const bool bias = name.ends_with(".bias");
  if (name.find(".mlp.fc1_g.") != std::string::npos) {
    if (bias) fill(p, 1);
    if (!bias) fill_truncated_normal(p.value, kGateDeviation, seed, name);
    return true;
  }
  if (c.mlp != MlpKind::kGatedPacked || name.find(".mlp.fc1.") == std::string::npos) return false;
  Parameter value{Tensor::empty(p.value.shape()), {}};
  if (bias) fill(value, 1);
  if (!bias) fill_truncated_normal(value.value, kGateDeviation, seed, name + "/value");
  if (bias) fill(p, 0);
  if (!bias) fill_truncated_normal(p.value, kDeviation, seed, name);
  const int64_t half = p.value.numel() / 2;
  std::copy_n(value.value.data() + half, half, p.value.mutable_data() + half);
  return true;
}

/// The initial values of ViT's siblings that are others than those of VisionTransformer. Whether
/// the parameter is one of them.
bool fill_sibling(Parameter& p, const VitConfig& c, const std::string& name, Role role,
                  uint64_t seed) {
  if (name == "rope.freqs") {
    fill_frequencies(p, c.rope->table.temperature, seed, name);
    return true;
  }
  if (name == "attn_pool.latent") {
    fill_cut_normal(p.value, 1 / std::sqrt(static_cast<double>(c.width)), seed, name);
    return true;
  }
  if (name.ends_with("relative_position_bias_table")) {
    fill(p, 0);
    return true;
  }
  if (name.ends_with(".gamma_1") || name.ends_with(".gamma_2")) {
    fill(p, c.layer_scale);
    return true;
  }
  if (c.family == VitFamily::kVit) return fill_open_gate(p, c, name, seed);
  if (name.starts_with("patch_embed.")) return false;
  if (role == Role::kToken) {
    fill_truncated_normal(p.value, kDeviation, seed, name);
  } else if (role == Role::kWeight) {
    // Branches of later blocks begin smaller, and the head near 0.
    const bool end = name.ends_with(".attn.proj.weight") || name.ends_with(".mlp.fc2.weight");
    const bool in_block = name.starts_with("blocks.");
    const double depth =
        end && in_block ? std::sqrt(2.0 * static_cast<double>(block_of(name) + 1)) : 1;
    const double head = name == "head.weight" ? kHeadScale : 1;
    fill_truncated_normal(p.value, kDeviation * head / depth, seed, name);
  } else {
    return false;
  }
  return true;
}

/// Prefix tokens have no place in the grid: zeros, then the sines and cosines.
void fill_sincos(Tensor& embedding, const VitConfig& c) {
  const Tensor grid =
      sincos_position_embedding(c.position, c.grid_height(), c.grid_width(), c.width);
  float* to = std::fill_n(embedding.mutable_data(), embedding.numel() - grid.numel(), 0.0F);
  std::ranges::copy(grid.values(), to);
}

}  // namespace

Vit::Vit(const VitConfig& c) : config(c) {
  config.validate();
  if (c.class_token) cls_token.value = Tensor::empty({1, 1, c.width});
  if (c.distilled) dist_token.value = Tensor::empty({1, 1, c.width});
  if (c.registers > 0) reg_token.value = Tensor::empty({1, c.registers, c.width});
  pos_embed = make_position(c);
  if (c.backbone) backbone.emplace(*c.backbone, c.channels);
  patch_embed.weight.value =
      Tensor::empty({c.width, c.patched_channels(), c.patch_height, c.patch_width});
  if (c.patch_bias) patch_embed.bias.value = Tensor::empty({c.width});
  if (c.patch_norm) patch_norm = make_norm(c, c.width);
  if (c.rope && c.rope->learned()) {
    rope_freqs.value = Tensor::empty({2, c.depth, c.heads, c.head_width() / 2});
  }
  if (c.shared_rel_pos_bias) {
    rel_table.value = Tensor::empty({relative_position_rows(c.grid()), c.heads});
  }
  if (c.pre_norm) norm_pre = make_norm(c, c.width);
  for (int64_t i = 0; i < c.depth; ++i) blocks.push_back(make_block(c, i));
  set_turns();
  if (c.norms_at_end()) (c.fc_norm ? fc_norm : norm) = make_norm(c, c.width);
  if (c.pool == Pool::kMap) attn_pool = make_attention_pool(c);
  if (c.pre_logits > 0) pre_logits = make_linear(c.pre_logits, c.pooled_width(), true);
  if (c.classes > 0) head = make_linear(c.classes, c.features(), true);
  if (c.classes > 0 && c.distilled) head_dist = make_linear(c.classes, c.features(), true);
}

void Vit::initialize(uint64_t seed, WeightInit scheme) {
  const bool jax = scheme == WeightInit::kJax;
  if (jax && config.family != VitFamily::kVit) {
    throw UsageError("initial values as in JAX are for kind 'vit'");
  }
  visit([&](const std::string& name, Parameter& p, Role role) {
    const Shape& shape = p.value.shape();
    if (fill_sibling(p, config, name, role, seed)) return;
    if (name.starts_with("patch_embed.backbone.")) {
      if (role == Role::kWeight) {
        fill_he_normal(p.value, seed, name);
      } else {
        fill(p, name.ends_with(".weight") ? 1 : 0);
      }
    } else if (name.starts_with("patch_embed.proj.")) {
      const int64_t inputs = config.patched_channels() * config.patch_height * config.patch_width;
      const double scale = 1 / std::sqrt(static_cast<double>(inputs));
      if (!jax) {
        fill_uniform(p.value, scale, seed, name);
      } else if (role == Role::kWeight) {
        fill_cut_normal(p.value, scale, seed, name);
      } else {
        fill(p, 0);
      }
    } else if (role == Role::kBuffer) {
      fill_sincos(p.value, config);
    } else if (role == Role::kToken) {
      const double deviation = is_position(name) ? kDeviation : kTokenDeviation;
      fill_truncated_normal(p.value, deviation, seed, name);
    } else if (jax && name.starts_with("head")) {
      fill(p, 0);
    } else if (jax && role == Role::kWeight) {
      fill_uniform(p.value, std::sqrt(6 / static_cast<double>(shape[0] + shape[1])), seed, name);
    } else if (jax && name.find(".mlp.fc") != std::string::npos) {
      fill_truncated_normal(p.value, kMlpBiasDeviation, seed, name);
    } else if (role == Role::kWeight) {
      fill_truncated_normal(p.value, kDeviation, seed, name);
    } else if (name.ends_with(".gamma")) {
      fill(p, config.layer_scale);
    } else {
      fill(p, name.ends_with(".weight") ? 1 : 0);  // the gain of a norm, or a bias
    }
  });
}

}  // namespace vitrine
