#include <algorithm>
#include <cmath>

#include "models/networks/init.hpp"
#include "models/networks/position_embedding.hpp"
#include "models/networks/vit.hpp"

namespace vitrine {
namespace {

// timm's init_weights_vit_timm and init_weights_vit_jax.
constexpr double kDeviation = 0.02;
constexpr double kTokenDeviation = 1e-6;
constexpr double kMlpBiasDeviation = 1e-6;

Linear make_linear(int64_t out, int64_t in, bool bias) {
  Linear linear;
  linear.weight.value = Tensor::empty({out, in});
  if (bias) linear.bias.value = Tensor::empty({out});
  return linear;
}

LayerNorm make_norm(int64_t width, double eps) {
  LayerNorm norm;
  norm.weight.value = Tensor::empty({width});
  norm.bias.value = Tensor::empty({width});
  norm.eps = static_cast<float>(eps);
  return norm;
}

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

Block make_block(const VitConfig& c, int64_t index) {
  Block block;
  block.index = index;
  block.dropout = static_cast<float>(c.projection_dropout);
  block.drop_path = static_cast<float>(c.drop_path_of(index));
  block.norm1 = make_norm(c.width, c.norm_eps);
  block.norm2 = make_norm(c.width, c.norm_eps);
  if (index > 0 && c.position_at == PositionAt::kEvery) block.pos_embed = make_position(c);
  block.attn.heads = c.heads;
  if (c.position == Position::kRelative) {
    block.attn.rel_pos.value = Tensor::empty({2 * c.tokens() - 1, c.width / c.heads});
  }
  block.attn.qkv = make_linear(3 * c.width, c.width, c.qkv_bias);
  block.attn.proj = make_linear(c.width, c.width, true);
  if (c.qk_norm) {
    block.attn.q_norm = make_norm(c.width / c.heads, c.norm_eps);
    block.attn.k_norm = make_norm(c.width / c.heads, c.norm_eps);
  }
  block.mlp.activation = c.activation;
  block.mlp.fc1 = make_linear(c.hidden(), c.width, true);
  block.mlp.fc2 = make_linear(c.width, c.hidden(), true);
  if (c.layer_scale > 0) {
    block.ls1.value = Tensor::empty({c.width});
    block.ls2.value = Tensor::empty({c.width});
  }
  return block;
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
  if (c.pre_norm) norm_pre = make_norm(c.width, c.norm_eps);
  for (int64_t i = 0; i < c.depth; ++i) blocks.push_back(make_block(c, i));
  if (c.pool != Pool::kRawMean) (c.fc_norm ? fc_norm : norm) = make_norm(c.width, c.norm_eps);
  if (c.pre_logits > 0) pre_logits = make_linear(c.pre_logits, c.pooled_width(), true);
  if (c.classes > 0) head = make_linear(c.classes, c.features(), true);
  if (c.classes > 0 && c.distilled) head_dist = make_linear(c.classes, c.features(), true);
}

void Vit::initialize(uint64_t seed, WeightInit scheme) {
  const bool jax = scheme == WeightInit::kJax;
  visit([&](const std::string& name, Parameter& p, Role role) {
    const Shape& shape = p.value.shape();
    const auto fill = [&p](double value) {
      std::fill_n(p.value.mutable_data(), p.value.numel(), static_cast<float>(value));
    };
    if (name.starts_with("patch_embed.backbone.")) {
      if (role == Role::kWeight) {
        fill_he_normal(p.value, seed, name);
      } else {
        fill(name.ends_with(".weight") ? 1 : 0);
      }
    } else if (name.starts_with("patch_embed.")) {
      const int64_t inputs = config.patched_channels() * config.patch_height * config.patch_width;
      const double scale = 1 / std::sqrt(static_cast<double>(inputs));
      if (!jax) {
        fill_uniform(p.value, scale, seed, name);
      } else if (role == Role::kWeight) {
        fill_cut_normal(p.value, scale, seed, name);
      } else {
        fill(0);
      }
    } else if (role == Role::kBuffer) {
      fill_sincos(p.value, config);
    } else if (role == Role::kToken) {
      const double deviation = is_position(name) ? kDeviation : kTokenDeviation;
      fill_truncated_normal(p.value, deviation, seed, name);
    } else if (jax && name.starts_with("head")) {
      fill(0);
    } else if (jax && role == Role::kWeight) {
      fill_uniform(p.value, std::sqrt(6 / static_cast<double>(shape[0] + shape[1])), seed, name);
    } else if (jax && name.find(".mlp.") != std::string::npos) {
      fill_truncated_normal(p.value, kMlpBiasDeviation, seed, name);
    } else if (role == Role::kWeight) {
      fill_truncated_normal(p.value, kDeviation, seed, name);
    } else if (name.ends_with(".gamma")) {
      fill(config.layer_scale);
    } else {
      fill(name.ends_with(".weight") ? 1 : 0);  // the gain of a norm, or a bias
    }
  });
}

}  // namespace vitrine
