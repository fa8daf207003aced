#include "models/networks/vit_attention.hpp"

#include <cmath>
#include <utility>

#include "ops/attention.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/matmul.hpp"
#include "ops/permute.hpp"
#include "ops/relative_attention.hpp"
#include "ops/relative_position_bias.hpp"
#include "ops/rotary_embedding.hpp"

namespace vitrine {
namespace {

/// The bias of q, k and v where that of k is 0.
Tensor without_key(const Tensor& q, const Tensor& v) {
  return concat({q, Tensor::zeros(q.shape()), v}, 0);
}

}  // namespace

/// (B, N, D) -> (B, N, 3 D)
Tensor Attention::joint_of(const Tensor& x, const Pass& pass, const std::string& name) const {
  if (q_proj.weight.defined()) {
    const Tensor q = q_proj(x);
    const Tensor k = k_proj(x);
    const Tensor v = v_proj(x);
    pass.report(name + ".q_proj", q);
    pass.report(name + ".k_proj", k);
    pass.report(name + ".v_proj", v);
    return concat({q, k, v}, 2);
  }
  Tensor joint = q_bias.defined()
                     ? linear(x, qkv.weight.value, without_key(q_bias.value, v_bias.value))
                     : qkv(x);
  pass.report(name + ".qkv", joint);
  return joint;
}

/// (H, N, N), or undefined
Tensor Attention::bias_of_scores() const {
  if (!rel_table.defined()) return given_bias.value;
  const Tensor own = relative_position_bias(rel_table.value, window);
  return given_bias.defined() ? add(own, given_bias.value) : own;
}

Tensor Attention::heads_of(const Tensor& x, const Pass& pass, const std::string& name) const {
  return heads_of_joint(joint_of(x, pass, name), pass, name);
}

Tensor Attention::heads_of_joint(Tensor joint, const Pass& pass, const std::string& name) const {
  const int64_t batch = joint.dim(0);
  const int64_t n = joint.dim(1);
  const int64_t head_width = joint.dim(2) / 3 / heads;
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_width)));
  const bool watched = pass.probe != nullptr && pass.probe->attention;
  const std::string block = name.substr(0, name.rfind('.'));
  const Tensor& turning = given_turns.defined() ? given_turns.value : turns;
  const Tensor bias = bias_of_scores();
  const auto finish = [&](Tensor o) {
    if (!norm.defined()) return o;
    o = norm(o);
    pass.report(name + ".norm", o);
    return o;
  };
  if (!q_norm.defined() && !rel_pos.defined()) {
    if (turning.defined()) {
      joint = rotary_embedding_qkv(std::move(joint), heads, turning, layout, prefix);
    }
    if (watched) pass.probe->attention(block, attention_probabilities(joint, heads, scale, bias));
    return finish(attention(joint, heads, scale, bias));
  }
  // "b n (three h d) -> three b h n d"
  const Tensor parts = permute(joint.reshape({batch, n, 3, heads, head_width}), {2, 0, 3, 1, 4});
  const auto part = [&](int64_t i) {
    return parts.rows(i, i + 1).reshape({batch, heads, n, head_width});
  };
  Tensor q = q_norm.defined() ? q_norm(part(0)) : part(0);
  Tensor k = k_norm.defined() ? k_norm(part(1)) : part(1);
  if (turning.defined()) {
    q = rotary_embedding(std::move(q), turning, layout, prefix);
    k = rotary_embedding(std::move(k), turning, layout, prefix);
  }
  Tensor o;  // (B, H, N, hd)
  if (rel_pos.defined()) {
    const Tensor p = relative_attention_probabilities(q, k, rel_pos.value, scale);
    if (watched) pass.probe->attention(block, p);
    o = matmul(p, part(2));
  } else {
    if (watched) pass.probe->attention(block, attention_probabilities(q, k, bias, scale));
    o = scaled_dot_product_attention(q, k, part(2), bias, scale);
  }
  return finish(permute(o, {0, 2, 1, 3}).reshape({batch, n, heads * head_width}));
}

void Attention::freeze() {
  if (!q_bias.defined()) return;
  qkv.bias.value = without_key(q_bias.value, v_bias.value);
  q_bias.value = v_bias.value = Tensor();
}

}  // namespace vitrine
