#include "models/networks/vit_block.hpp"

#include <fmt/format.h>

#include "ops/activation.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/slice.hpp"

namespace vitrine {
namespace {

// Places where random masks are drawn: two branches with two masks in each block.
enum Mask : uint32_t { kAttentionDropout, kAttentionPath, kMlpDropout, kMlpOutDropout, kMlpPath };
constexpr uint32_t kMasksPerBlock = 8;

RandomKey key_of(const Pass& pass, const Block& block, Mask mask) {
  return {pass.seed, pass.step, static_cast<uint32_t>(block.mask_place) * kMasksPerBlock + mask};
}

/// x + DropPath(gamma * branch), gamma being 1 if it is absent.
Tensor add_path(const Tensor& x, Tensor branch, const Tensor& gamma, float path, RandomKey key) {
  if (gamma.defined()) branch = mul(branch, gamma);
  return path > 0 ? drop_path_add(x, branch, path, key) : add(x, branch);
}

float path_of(const Block& block, const Pass& pass) { return pass.training ? block.drop_path : 0; }

/// x after dropout, in training.
Tensor dropped(const Tensor& x, const Block& block, const Pass& pass, Mask mask) {
  const bool drops = pass.training && block.dropout > 0;
  return drops ? dropout(x, block.dropout, key_of(pass, block, mask)) : x;
}

/// x + DropPath(gamma * dropout(proj(hidden))): the end of both branches of a block. One fused
/// matrix product where nothing random or watched is in between.
Tensor add_branch(const Tensor& x, const Tensor& hidden, const Linear& proj, const Tensor& gamma,
                  const Block& block, const Pass& pass, Mask dropout_mask, Mask path_mask,
                  const std::string& name) {
  const float drop = pass.training ? block.dropout : 0.0F;
  const float path = path_of(block, pass);
  if (drop == 0 && path == 0 && pass.probe == nullptr) {
    return linear_add(hidden, proj.weight.value, proj.bias.value, x, gamma);
  }
  const Tensor branch = dropped(proj(hidden), block, pass, dropout_mask);
  pass.report(name, branch);
  return add_path(x, branch, gamma, path, key_of(pass, block, path_mask));
}

}  // namespace

/// x + DropPath(ls1 * MSA(normed))
Tensor Block::add_attention(const Tensor& x, const Tensor& normed, const Pass& pass,
                            const std::string& name) const {
  return add_branch(x, attn.heads_of(normed, pass, name), attn.proj, ls1.value, *this, pass,
                    kAttentionDropout, kAttentionPath, name);
}

/// x + DropPath(ls2 * MLP(normed))
Tensor Block::add_mlp(const Tensor& x, const Tensor& normed, const Pass& pass,
                      const std::string& name) const {
  const bool drops = pass.training && dropout > 0;
  if (mlp.plain() && pass.probe == nullptr && !drops) {
    if (!pass.training || drop_path == 0) return mlp(normed, x, ls2.value);
    return add_path(x, mlp(normed), ls2.value, drop_path, key_of(pass, *this, kMlpPath));
  }
  const Tensor h = dropped(mlp.hidden_of(normed, pass, name), *this, pass, kMlpDropout);
  return add_branch(x, mlp.normed(h, pass, name), mlp.fc2, ls2.value, *this, pass, kMlpOutDropout,
                    kMlpPath, name);
}

Tensor Block::pre(const Tensor& x, const Pass& pass, const std::string& name) const {
  const Tensor y = norm1(x);
  pass.report(name + ".norm1", y);
  const Tensor z = add_attention(x, y, pass, name + ".attn");
  const Tensor u = norm2(z);
  pass.report(name + ".norm2", u);
  return add_mlp(z, u, pass, name + ".mlp");
}

/// x = x + DropPath(LN(MSA(x)))
/// x = x + DropPath(LN(MLP(x)))
Tensor Block::res_post(const Tensor& x, const Pass& pass, const std::string& name) const {
  const auto branch = [&](const Tensor& of, const Linear& proj, Mask mask, const char* part) {
    const Tensor y = dropped(proj(of), *this, pass, mask);
    pass.report(name + part, y);
    return y;
  };
  const Tensor heads = attn.heads_of(x, pass, name + ".attn");
  const Tensor y = norm1(branch(heads, attn.proj, kAttentionDropout, ".attn"));
  pass.report(name + ".norm1", y);
  const float path = path_of(*this, pass);
  const Tensor z = add_path(x, y, {}, path, key_of(pass, *this, kAttentionPath));
  const Tensor h = dropped(mlp.hidden_of(z, pass, name + ".mlp"), *this, pass, kMlpDropout);
  const Tensor hidden = mlp.normed(h, pass, name + ".mlp");
  const Tensor u = norm2(branch(hidden, mlp.fc2, kMlpOutDropout, ".mlp"));
  pass.report(name + ".norm2", u);
  return add_path(z, u, {}, path, key_of(pass, *this, kMlpPath));
}

/// h, q, k, v = W LN(x);  x = x + DropPath(ls (W_o MSA(q, k, v) + W_2 act(h)))
Tensor Block::parallel(const Tensor& x, const Pass& pass, const std::string& name) const {
  const Tensor y = norm1(x);
  pass.report(name + ".in_norm", y);
  const int64_t hidden = mlp.fc2.weight.value.dim(1);
  const int64_t width = in_proj.weight.value.dim(0);
  const Tensor bias = mlp_bias.defined()
                          ? concat({mlp_bias.value, Tensor::zeros({width - hidden})}, 0)
                          : in_proj.bias.value;
  const Tensor all = linear(y, in_proj.weight.value, bias);
  pass.report(name + ".in_proj", all);
  const Tensor heads =
      attn.heads_of_joint(slice_axis(all, -1, hidden, width), pass, name + ".attn");
  const Tensor o = attn.proj(heads);
  pass.report(name + ".attn_out_proj", o);
  const Tensor h = activate(mlp.activation, slice_axis(all, -1, 0, hidden));
  pass.report(name + ".mlp_act", h);
  const Tensor m = mlp.fc2(dropped(h, *this, pass, kMlpDropout));
  pass.report(name + ".mlp_out_proj", m);
  return add_path(x, add(o, m), ls1.value, path_of(*this, pass),
                  key_of(pass, *this, kAttentionPath));
}

/// x = x + sum_j DropPath(ls MSA_j(LN_j(x)))
/// x = x + sum_j DropPath(ls MLP_j(LN_j(x)))
Tensor Block::parallel_things(const Tensor& x, const Pass& pass, const std::string& name) const {
  Tensor z = x;
  for (size_t j = 0; j < things.size(); ++j) {
    const std::string at = fmt::format("{}.attns.{}", name, j);
    const Tensor y = things[j].norm1(x);
    pass.report(at + ".norm", y);
    z = things[j].add_attention(z, y, pass, at + ".attn");
  }
  Tensor result = z;
  for (size_t j = 0; j < things.size(); ++j) {
    const std::string at = fmt::format("{}.ffns.{}", name, j);
    const Tensor u = things[j].norm2(z);
    pass.report(at + ".norm", u);
    result = things[j].add_mlp(result, u, pass, at + ".mlp");
  }
  return result;
}

Tensor Block::operator()(const Tensor& input, const Pass& pass) const {
  const std::string name = pass.probe == nullptr ? "" : fmt::format("blocks.{}", index);
  const Tensor x = pos_embed.defined() ? pos_embed.add_to(input) : input;
  Tensor result;
  switch (form) {
    case BlockForm::kPre:
      result = pre(x, pass, name);
      break;
    case BlockForm::kResPost:
      result = res_post(x, pass, name);
      break;
    case BlockForm::kParallel:
      result = parallel(x, pass, name);
      break;
    case BlockForm::kParallelThings:
      result = parallel_things(x, pass, name);
      break;
  }
  pass.report(name, result);
  return result;
}

}  // namespace vitrine
