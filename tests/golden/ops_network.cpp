#include <array>

#include "models/networks/vit.hpp"
#include "ops/attention.hpp"
#include "ops/batch_norm.hpp"
#include "ops/binary.hpp"
#include "ops/group_norm.hpp"
#include "ops/linear.hpp"
#include "ops/matmul.hpp"
#include "ops/patch_embed.hpp"
#include "ops/rms_norm.hpp"
#include "ops/unary.hpp"
#include "tests/golden/attention_mask.hpp"
#include "tests/golden/layout.hpp"
#include "tests/golden/ops.hpp"

namespace vitrine::golden {
namespace {

Activation gelu_of(const OpCall& call) {
  return call.params.at("approximate") == "tanh" ? Activation::kGeluTanh : Activation::kGelu;
}

Outputs run_matmul(OpCall& call) {
  return {{"y", matmul(call.input("a"), call.input("b"), call.params.at("transpose_a"),
                       call.params.at("transpose_b"))}};
}

Outputs run_linear(OpCall& call) {
  return {{"y", linear(call.input("x"), call.input("weight"), call.optional("bias"))}};
}

Outputs bias_gelu(OpCall& call) {
  const Tensor x = add(call.input("x"), call.input("bias"));
  return {{"y", gelu_of(call) == Activation::kGelu ? gelu(x) : gelu_tanh(x)}};
}

Outputs mlp(OpCall& call) {
  const Tensor hidden =
      linear(call.input("x"), call.input("fc1.weight"), call.input("fc1.bias"), gelu_of(call));
  return {{"y", linear(hidden, call.input("fc2.weight"), call.input("fc2.bias"))}};
}

Outputs run_patch_embed(OpCall& call) {
  return {
      {"y", patch_embed(to_nhwc(call.input("x")), call.input("weight"), call.optional("bias"))}};
}

Outputs run_group_norm(OpCall& call) {
  const Tensor y =
      group_norm(channels_last(call.input("x")), call.params.at("num_groups"),
                 call.optional("weight"), call.optional("bias"), call.params.at("eps"));
  return {{"y", channels_first(y)}};
}

Outputs run_rms_norm(OpCall& call) {
  return {{"y", rms_norm(call.input("x"), call.input("weight"), call.params.at("eps"))}};
}

Outputs run_batch_norm(OpCall& call) {
  Tensor mean = call.input("running_mean").clone();
  Tensor var = call.input("running_var").clone();
  const BatchNormOptions options{.training = call.params.at("training"),
                                 .momentum = call.params.at("momentum"),
                                 .eps = call.params.at("eps")};
  const Tensor y = batch_norm(channels_last(call.input("x")), call.optional("weight"),
                              call.optional("bias"), mean, var, options);
  return {{"y", channels_first(y)}, {"running_mean", mean}, {"running_var", var}};
}

Outputs sdpa(OpCall& call) {
  const auto scale = call.params.at("scale").get<float>();
  const Json& kind = call.params.at("mask");
  const bool causal = kind == "causal";
  Tensor mask = call.optional("mask");
  if (kind == "bool") mask = additive_mask(mask);
  const Tensor& q = call.input("q");
  const Tensor& k = call.input("k");
  return {{"y", scaled_dot_product_attention(q, k, call.input("v"), mask, scale, causal)},
          {"attn", attention_probabilities(q, k, mask, scale, causal)}};
}

Norm norm_of(OpCall& call, const std::string& name, float eps) {
  return {{call.optional(name + ".weight"), {}}, {call.optional(name + ".bias"), {}}, eps};
}

Linear linear_of(OpCall& call, const std::string& name) {
  return {{call.optional(name + ".weight"), {}}, {call.optional(name + ".bias"), {}}};
}

/// timm's Attention; `prefix` is "" or "attn.".
Attention attention_of(OpCall& call, const std::string& prefix) {
  const auto eps = call.params.at("norm_eps").get<float>();
  Attention attention;
  attention.qkv = linear_of(call, prefix + "qkv");
  attention.proj = linear_of(call, prefix + "proj");
  attention.q_norm = norm_of(call, prefix + "q_norm", eps);
  attention.k_norm = norm_of(call, prefix + "k_norm", eps);
  attention.heads = call.params.at("num_heads");
  return attention;
}

Outputs mha(OpCall& call) {
  Outputs outputs;
  Probe probe;
  probe.attention = [&](const std::string&, const Tensor& probabilities) {
    outputs["attn"] = probabilities;
  };
  Pass pass;
  pass.probe = &probe;
  const Attention attention = attention_of(call, "");
  outputs["y"] = attention.proj(attention.heads_of(call.input("x"), pass, "blocks.0.attn"));
  return outputs;
}

Outputs vit_block(OpCall& call) {
  const auto eps = call.params.at("norm_eps").get<float>();
  Block block;
  block.norm1 = norm_of(call, "norm1", eps);
  block.norm2 = norm_of(call, "norm2", eps);
  block.attn = attention_of(call, "attn.");
  block.mlp.fc1 = linear_of(call, "mlp.fc1");
  block.mlp.fc2 = linear_of(call, "mlp.fc2");
  block.ls1.value = call.optional("ls1.gamma");
  block.ls2.value = call.optional("ls2.gamma");
  return {{"y", block(call.input("x"), Pass{})}};
}

}  // namespace

std::span<const OpAdapter> network_ops() {
  static constexpr auto kTable = std::to_array<OpAdapter>({
      {"matmul", run_matmul},
      {"linear", run_linear},
      {"bias_gelu", bias_gelu},
      {"mlp", mlp},
      {"patch_embed", run_patch_embed},
      {"group_norm", run_group_norm},
      {"rms_norm", run_rms_norm},
      {"batch_norm", run_batch_norm},
      {"sdpa", sdpa},
      {"mha", mha},
      {"vit_block", vit_block},
  });
  return kTable;
}

}  // namespace vitrine::golden
