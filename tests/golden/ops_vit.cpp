#include <array>

#include "models/networks/patch_resampling.hpp"
#include "models/networks/position_embedding.hpp"
#include "models/networks/vit.hpp"
#include "ops/attention.hpp"
#include "ops/concat.hpp"
#include "ops/flip.hpp"
#include "ops/gated.hpp"
#include "ops/permute.hpp"
#include "ops/reduce.hpp"
#include "ops/relative_position_bias.hpp"
#include "ops/rotary_embedding.hpp"
#include "ops/rotary_table.hpp"
#include "ops/slice.hpp"
#include "tests/golden/ops.hpp"

// What the siblings of ViT add to it: rotary positions, gates, attention pooling, biases of scores.

namespace vitrine::golden {
namespace {

Activation activation_of(const OpCall& call) {
  const std::string name = call.params.at("act");
  return name == "silu"        ? Activation::kSilu
         : name == "gelu_tanh" ? Activation::kGeluTanh
         : name == "sigmoid"   ? Activation::kSigmoid
         : name == "gelu"      ? Activation::kGelu
                               : throw NotOffered{"act " + name};
}

RotaryLayout layout_of(const Json& params) {
  return params.at("layout") == "half" ? RotaryLayout::kHalf : RotaryLayout::kInterleaved;
}

Size2d size_of(const Json& value) { return {value.at(0), value.at(1)}; }

/// The parts of a table by name.
Outputs table_outputs(const Tensor& table) {
  const Shape shape(table.shape().dims().subspan(1));
  return {{"cos", table.rows(0, 1).reshape(shape)}, {"sin", table.rows(1, 2).reshape(shape)}};
}

Outputs run_rope_table(OpCall& call) {
  const Json& p = call.params;
  RotaryTableOptions o;
  o.rule = p.at("kind") == "dinov3" ? RotaryRule::kDinov3 : RotaryRule::kAxial;
  o.layout = layout_of(p);
  o.axes = p.at("axes") == "xy" ? RotaryAxes::kColumnFirst : RotaryAxes::kRowFirst;
  o.temperature = p.at("temperature");
  o.offset = p.at("grid_offset");
  if (!p.at("reference_grid").is_null()) o.reference = size_of(p.at("reference_grid"));
  o.shift = p.at("shift");
  o.scale = p.at("scale");
  return table_outputs(rotary_table(o, size_of(p.at("grid")), p.at("head_dim")));
}

Outputs run_mixed_table(OpCall& call) {
  return table_outputs(mixed_rotary_table(call.input("freqs"), layout_of(call.params),
                                          size_of(call.params.at("grid"))));
}

/// The table of given cosines and sines.
Tensor table_of(OpCall& call) {
  const std::array parts = {call.input("cos"), call.input("sin")};
  return stack(parts, 0);
}

Outputs rope_apply(OpCall& call) {
  return {{"y", rotary_embedding(call.input("x"), table_of(call), layout_of(call.params),
                                 call.params.at("prefix"))}};
}

Linear linear_of(OpCall& call, const std::string& name) {
  return {{call.optional(name + ".weight"), {}}, {call.optional(name + ".bias"), {}}};
}

Norm norm_of(OpCall& call, const std::string& name) {
  const Tensor bias = call.optional(name + ".bias");
  return {{call.optional(name + ".weight"), {}},
          {bias, {}},
          call.params.at("norm_eps").get<float>(),
          bias.defined() ? NormKind::kLayer : NormKind::kRms};
}

Attention attention_of(OpCall& call, const std::string& prefix) {
  Attention attention;
  attention.qkv = linear_of(call, prefix + "qkv");
  attention.q_proj = linear_of(call, prefix + "q_proj");
  attention.k_proj = linear_of(call, prefix + "k_proj");
  attention.v_proj = linear_of(call, prefix + "v_proj");
  attention.q_bias.value = call.optional(prefix + "q_bias");
  attention.v_bias.value = call.optional(prefix + "v_bias");
  attention.proj = linear_of(call, prefix + "proj");
  attention.heads = call.params.at("num_heads");
  return attention;
}

/// Attention and its probabilities.
Outputs attend(const Attention& attention, const Tensor& x) {
  Outputs outputs;
  Probe probe;
  probe.attention = [&](const std::string&, const Tensor& p) { outputs["attn"] = p; };
  Pass pass;
  pass.probe = &probe;
  outputs["y"] = attention.proj(attention.heads_of(x, pass, "blocks.0.attn"));
  return outputs;
}

Outputs rope_attention(OpCall& call) {
  Attention attention = attention_of(call, "");
  attention.norm = norm_of(call, "norm");
  attention.q_norm = norm_of(call, "q_norm");
  attention.k_norm = norm_of(call, "k_norm");
  attention.layout = layout_of(call.params);
  attention.prefix = call.params.at("prefix");
  attention.given_turns.value = table_of(call);
  return attend(attention, call.input("x"));
}

Outputs rel_pos_attention(OpCall& call) {
  Attention attention = attention_of(call, "");
  attention.window = size_of(call.params.at("window"));
  attention.rel_table.value = call.optional("relative_position_bias_table");
  attention.given_bias.value = call.optional("bias");
  return attend(attention, call.input("x"));
}

Outputs rel_pos_bias(OpCall& call) {
  return {{"y", relative_position_bias(call.input("table"), size_of(call.params.at("window")))}};
}

Outputs rel_pos_resize(OpCall& call) {
  const bool geometric = call.params.at("how") == "geometric linear";
  return {
      {"y", resample_relative_table(
                call.input("table"), size_of(call.params.at("old")), size_of(call.params.at("new")),
                geometric ? RelativeResampling::kGeometric : RelativeResampling::kBilinear)}};
}

Outputs sdpa_bias(OpCall& call) {
  return {{"y",
           scaled_dot_product_attention(call.input("q"), call.input("k"), call.input("v"),
                                        call.input("bias"), call.params.at("scale").get<float>())}};
}

Mlp mlp_of(OpCall& call, const std::string& prefix) {
  Mlp mlp;
  mlp.fc1 = linear_of(call, prefix + "fc1");
  mlp.fc1_g = linear_of(call, prefix + "fc1_g");
  mlp.fc1_x = linear_of(call, prefix + "fc1_x");
  mlp.fc2 = linear_of(call, prefix + "fc2");
  mlp.norm = prefix.empty() ? norm_of(call, "norm") : Norm();
  mlp.packed = call.params.value("packed", false);
  mlp.activation = call.params.contains("act") ? activation_of(call) : Activation::kGelu;
  return mlp;
}

Outputs run_mlp(OpCall& call) {
  const Mlp mlp = mlp_of(call, "");
  const Pass pass;
  return {{"y", mlp.fc2(mlp.normed(mlp.hidden_of(call.input("x"), pass, ""), pass, ""))}};
}

Outputs attention_pool(OpCall& call) {
  AttentionPool pool;
  pool.latent.value = call.input("latent");
  pool.q = linear_of(call, "q");
  pool.kv = linear_of(call, "kv");
  pool.q_norm = norm_of(call, "q_norm");
  pool.k_norm = norm_of(call, "k_norm");
  pool.proj = linear_of(call, "proj");
  pool.norm = norm_of(call, "norm");
  pool.mlp = mlp_of(call, "mlp.");
  pool.heads = call.params.at("num_heads");
  Tensor y = pool(call.input("x"));
  const std::string how = call.params.at("pool");
  if (how == "token") y = slice_axis(y, 1, 0, 1).reshape({y.dim(0), y.dim(2)});
  if (how == "avg") y = mean(y, {1}, false);
  return {{"y", y}};
}

Outputs token_pool(OpCall& call) {
  const std::string how = call.params.at("pool");
  const Pool pool = how == "avg" ? Pool::kMean : how == "max" ? Pool::kMax : Pool::kMeanMax;
  return {{"y", pool_tokens(pool, call.input("x"), call.params.at("prefix"))}};
}

Outputs parallel_block(OpCall& call) {
  Block block;
  block.form = BlockForm::kParallel;
  block.norm1 = norm_of(call, "in_norm");
  block.in_proj = linear_of(call, "in_proj");
  block.mlp_bias.value = call.optional("mlp_bias");
  block.attn.heads = call.params.at("num_heads");
  block.attn.q_norm = norm_of(call, "q_norm");
  block.attn.k_norm = norm_of(call, "k_norm");
  block.attn.proj = linear_of(call, "attn_out_proj");
  block.mlp.activation = Activation::kGelu;
  block.mlp.fc2 = linear_of(call, "mlp_out_proj");
  block.ls1.value = call.optional("ls.gamma");
  return {{"y", block(call.input("x"), Pass{})}};
}

Outputs res_post_block(OpCall& call) {
  Block block;
  block.form = BlockForm::kResPost;
  block.norm1 = norm_of(call, "norm1");
  block.norm2 = norm_of(call, "norm2");
  block.attn = attention_of(call, "attn.");
  block.mlp = mlp_of(call, "mlp.");
  return {{"y", block(call.input("x"), Pass{})}};
}

/// FlexiViT's other patches.
Outputs patch_resample(OpCall& call) {
  const Json& p = call.params;
  const std::string mode = p.at("mode");
  const bool antialias = p.at("antialias");
  if (mode != "bicubic" && (mode != "bilinear" || antialias)) {
    throw NotOffered{mode + (antialias ? " antialias" : "")};
  }
  const PositionResampling method = mode == "bilinear" ? PositionResampling::kBilinear
                                    : antialias        ? PositionResampling::kBicubicAntialias
                                                       : PositionResampling::kBicubic;
  return {{"y", resample_patch_weight(call.input("weight"), size_of(p.at("new")), method)}};
}

/// Only timm's NaFlex networks, which are not offered, have the order "timm": MAE's numbers, the
/// sines first, and rows before columns.
Outputs sincos_table(OpCall& call) {
  const std::string kind = call.params.at("kind");
  const Size2d grid = size_of(call.params.at("grid"));
  const int64_t width = call.params.at("dim");
  const Position position = kind == "moco" ? Position::kSinCosMoco : Position::kSinCosMae;
  const Tensor table =
      sincos_position_embedding(position, grid.h, grid.w, width).reshape({grid.h * grid.w, width});
  if (kind == "mae" || kind == "moco") return {{"y", table}};
  if (kind != "timm") throw NotOffered{"sincos_table " + kind};
  const Shape quarters{grid.h * grid.w, 2, 2, width / 4};  // x and y, sine and cosine
  const Tensor sines_first = permute(table.reshape(quarters), {0, 2, 1, 3});
  return {{"y", flip(sines_first, {2}).reshape(table.shape())}};
}

}  // namespace

std::span<const OpAdapter> vit_ops() {
  static constexpr auto kTable = std::to_array<OpAdapter>({
      {"rope_table", run_rope_table},
      {"rope_mixed_table", run_mixed_table},
      {"rope_apply", rope_apply},
      {"rope_attention", rope_attention},
      {"rel_pos_attention", rel_pos_attention},
      {"rel_pos_bias", rel_pos_bias},
      {"rel_pos_resize", rel_pos_resize},
      {"sdpa_bias", sdpa_bias},
      {"glu_mlp", run_mlp},
      {"mlp_norm", run_mlp},
      {"attention_pool", attention_pool},
      {"token_pool", token_pool},
      {"parallel_block", parallel_block},
      {"res_post_block", res_post_block},
      {"patch_resample", patch_resample},
      {"sincos_table", sincos_table},
  });
  return kTable;
}

}  // namespace vitrine::golden
