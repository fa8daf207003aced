#include "models/networks/vit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/reused.hpp"
#include "models/networks/checkpointed.hpp"
#include "models/networks/whole_patches.hpp"
#include "ops/activation.hpp"
#include "ops/attention.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/conv2d.hpp"
#include "ops/expand.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/matmul.hpp"
#include "ops/patch_embed.hpp"
#include "ops/permute.hpp"
#include "ops/reduce.hpp"
#include "ops/relative_attention.hpp"
#include "ops/slice.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

// Places where random masks are drawn: two branches with two masks in each block, and outside the
// blocks the position embedding and the head.
enum Mask : uint32_t { kAttentionDropout, kAttentionPath, kMlpDropout, kMlpOutDropout, kMlpPath };
constexpr uint32_t kMasksPerBlock = 8;
constexpr uint32_t kPositionMask = (1U << 24) - 2;  // places end at 2^24
constexpr uint32_t kHeadMask = kPositionMask + 1;

RandomKey key_of(const Pass& pass, int64_t block, Mask mask) {
  return {pass.seed, pass.step, static_cast<uint32_t>(block) * kMasksPerBlock + mask};
}

/// x + DropPath(gamma * branch), gamma being 1 if it is absent.
Tensor add_path(const Tensor& x, Tensor branch, const Tensor& gamma, float path, RandomKey key) {
  if (gamma.defined()) branch = mul(branch, gamma);
  return path > 0 ? drop_path_add(x, branch, path, key) : add(x, branch);
}

/// x + DropPath(gamma * dropout(proj(hidden))): the end of both branches of a block. One fused
/// matrix product where nothing random or watched is in between.
Tensor add_branch(const Tensor& x, const Tensor& hidden, const Linear& proj, const Tensor& gamma,
                  const Block& block, const Pass& pass, Mask dropout_mask, Mask path_mask,
                  const std::string& name) {
  const float drop = pass.training ? block.dropout : 0.0F;
  const float path = pass.training ? block.drop_path : 0.0F;
  if (drop == 0 && path == 0 && pass.probe == nullptr) {
    return linear_add(hidden, proj.weight.value, proj.bias.value, x, gamma);
  }
  Tensor branch = proj(hidden);
  if (drop > 0) branch = dropout(branch, drop, key_of(pass, block.index, dropout_mask));
  pass.report(name, branch);
  return add_path(x, branch, gamma, path, key_of(pass, block.index, path_mask));
}

/// Columns of a pair of tokens side by side, (B, 2 D) -> (B, D): the first, or the second.
Tensor half_of(const Tensor& x, int64_t which) {
  const int64_t width = x.dim(1) / 2;
  return slice(x, {0, which * width}, {x.dim(0), (which + 1) * width}, {1, 1});
}

}  // namespace

Tensor Attention::heads_of(const Tensor& x, const Pass& pass, const std::string& name) const {
  const Tensor joint = qkv(x);  // (B, N, 3 D)
  pass.report(name + ".qkv", joint);
  const int64_t batch = x.dim(0);
  const int64_t n = x.dim(1);
  const int64_t head_width = x.dim(2) / heads;
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_width)));
  const bool watched = pass.probe != nullptr && pass.probe->attention;
  const std::string block = name.substr(0, name.rfind('.'));
  if (!q_norm.defined() && !rel_pos.defined()) {
    if (watched) pass.probe->attention(block, attention_probabilities(joint, heads, scale));
    return attention(joint, heads, scale);
  }
  // "b n (three h d) -> three b h n d"
  const Tensor parts = permute(joint.reshape({batch, n, 3, heads, head_width}), {2, 0, 3, 1, 4});
  const auto part = [&](int64_t i) {
    return parts.rows(i, i + 1).reshape({batch, heads, n, head_width});
  };
  const Tensor q = q_norm.defined() ? q_norm(part(0)) : part(0);
  const Tensor k = k_norm.defined() ? k_norm(part(1)) : part(1);
  Tensor o;  // (B, H, N, hd)
  if (rel_pos.defined()) {
    const Tensor p = relative_attention_probabilities(q, k, rel_pos.value, scale);
    if (watched) pass.probe->attention(block, p);
    o = matmul(p, part(2));
  } else {
    if (watched) pass.probe->attention(block, attention_probabilities(q, k, Tensor(), scale));
    o = scaled_dot_product_attention(q, k, part(2), Tensor(), scale);
  }
  return permute(o, {0, 2, 1, 3}).reshape({batch, n, heads * head_width});
}

Tensor Mlp::operator()(const Tensor& x, const Tensor& residual, const Tensor& scale) const {
  return vitrine::mlp(x, fc1.weight.value, fc1.bias.value, activation, fc2.weight.value,
                      fc2.bias.value, residual, scale);
}

Tensor Mlp::hidden_of(const Tensor& x, const Pass& pass, const std::string& name) const {
  if (pass.probe == nullptr) return linear(x, fc1.weight.value, fc1.bias.value, activation);
  const Tensor before = fc1(x);
  pass.report(name + ".fc1", before);
  const Tensor after = activate(activation, before);
  pass.report(name + ".act", after);
  return after;
}

Tensor Block::operator()(const Tensor& input, const Pass& pass) const {
  const std::string name = pass.probe == nullptr ? "" : fmt::format("blocks.{}", index);
  const Tensor x = pos_embed.defined() ? pos_embed.add_to(input) : input;

  const Tensor y = norm1(x);
  pass.report(name + ".norm1", y);
  const Tensor z = add_branch(x, attn.heads_of(y, pass, name + ".attn"), attn.proj, ls1.value,
                              *this, pass, kAttentionDropout, kAttentionPath, name + ".attn");

  const Tensor u = norm2(z);
  pass.report(name + ".norm2", u);
  const bool drops = pass.training && dropout > 0;
  if (pass.probe == nullptr && !drops) {
    if (!pass.training || drop_path == 0) return mlp(u, z, ls2.value);
    return add_path(z, mlp(u), ls2.value, drop_path, key_of(pass, index, kMlpPath));
  }
  Tensor h = mlp.hidden_of(u, pass, name + ".mlp");
  if (drops) h = vitrine::dropout(h, dropout, key_of(pass, index, kMlpDropout));
  const Tensor result =
      add_branch(z, h, mlp.fc2, ls2.value, *this, pass, kMlpOutDropout, kMlpPath, name + ".mlp");
  pass.report(name, result);
  return result;
}

/// z0 of the paper's eq. 1: patches as vectors, the tokens before them, positions added.
Tensor Vit::tokens_of(const Tensor& images, const Pass& pass) const {
  check_images("vit", images);
  const int64_t batch = images.dim(0);
  const Tensor pixels = backbone ? (*backbone)(images, pass, "patch_embed.backbone") : images;
  Tensor x = vitrine::patch_embed(pixels, patch_embed.weight.value, patch_embed.bias.value);
  pass.report("patch_embed", x);  // (B, patches, D)

  const bool add_first = config.prefix_positions() == 0 && pos_embed.defined();
  if (add_first) x = pos_embed.add_to(x);
  ReusedVector<Tensor> parts;
  for (const Parameter* token : {&cls_token, &dist_token, &reg_token}) {
    if (!token->defined()) continue;
    parts.push_back(expand(token->value, {batch, token->value.dim(1), config.width}));
  }
  parts.push_back(x);
  if (parts.size() > 1) x = concat(parts, 1);
  if (pos_embed.defined() && !add_first) x = pos_embed.add_to(x);

  if (pass.training && config.position_dropout > 0) {
    x = dropout(x, static_cast<float>(config.position_dropout),
                {pass.seed, pass.step, kPositionMask});
  }
  if (norm_pre.defined()) x = norm_pre(x);
  pass.report("tokens", x);
  return x;  // (B, N, D)
}

/// (B, N, D) -> (B, D); (B, 2 D) if distilled or of class token and mean
Tensor Vit::pooled(const Tensor& x, const Pass& pass) const {
  const int64_t batch = x.dim(0);
  if (config.pool != Pool::kToken) {
    Tensor y = norm.defined() ? norm(x) : x;
    pass.report("norm", y);
    const Tensor patches =
        slice(y, {0, config.prefix_tokens(), 0}, {batch, x.dim(1), config.width}, {1, 1, 1});
    if (config.pool == Pool::kTokenMean) {
      const Tensor token = slice(y, {0, 0, 0}, {batch, 1, config.width}, {1, 1, 1});
      return concat({token.reshape({batch, config.width}), mean(patches, {1}, false)}, 1);
    }
    y = mean(patches, {1}, false);
    if (!fc_norm.defined()) return y;
    y = fc_norm(y);
    pass.report("fc_norm", y);
    return y;
  }
  // The norm acts on each token alone: without a probe, those that nobody looks at are left out.
  const int64_t wanted = config.distilled ? 2 : 1;  // class token, distillation token
  const int64_t kept = pass.probe != nullptr ? x.dim(1) : wanted;
  Tensor y = kept == x.dim(1) ? x : slice(x, {0, 0, 0}, {batch, kept, config.width}, {1, 1, 1});
  if (norm.defined()) y = norm(y);
  pass.report("norm", y);
  if (kept > wanted) y = slice(y, {0, 0, 0}, {batch, wanted, config.width}, {1, 1, 1});
  if (fc_norm.defined()) {
    y = fc_norm(y);
    pass.report("fc_norm", y);
  }
  return y.reshape({batch, y.dim(1) * config.width});
}

/// images -> (B, D); (B, 2 D) if distilled: class and distillation token; see pooled()
Tensor Vit::encoded(const Tensor& images, const Pass& pass) const {
  Tensor x = tokens_of(images, pass);
  for (const Block& block : blocks) {
    if (block.index > 0 && config.position_at == PositionAt::kShared) x = pos_embed.add_to(x);
    x = checkpointed(block, x, pass);
  }
  return pooled(x, pass);
}

/// The layer before the head, where there is one: (B, pooled_width) -> (B, features)
Tensor Vit::before_head(const Tensor& x, const Pass& pass) const {
  if (!pre_logits.weight.defined()) return x;
  const Tensor y = tanh(pre_logits(x));
  pass.report("pre_logits", y);
  return y;
}

Tensor Vit::features(const Tensor& images, const Pass& pass) const {
  const Tensor x = encoded(images, pass);
  if (!config.distilled) return before_head(x, pass);
  const Tensor by_class = before_head(half_of(x, 0), pass);
  return mul(add(by_class, before_head(half_of(x, 1), pass)), 0.5F);
}

Tensor Vit::operator()(const Tensor& images, const Pass& pass) const {
  if (config.classes == 0) return features(images, pass);
  return heads(images, pass).answer();
}

HeadLogits Vit::heads(const Tensor& images, const Pass& pass) const {
  const Tensor x = encoded(images, pass);

  const auto finish = [&](const Tensor& token, const Linear& to_logits, const char* name) {
    Tensor y = before_head(token, pass);
    if (pass.training && config.head_dropout > 0) {
      y = dropout(y, static_cast<float>(config.head_dropout), {pass.seed, pass.step, kHeadMask});
    }
    y = to_logits(y);
    pass.report(name, y);
    return y;
  };
  if (!config.distilled) return {finish(x, head, "head"), {}};
  return {finish(half_of(x, 0), head, "head"), finish(half_of(x, 1), head_dist, "head_dist")};
}

void Vit::resize(int64_t image_height, int64_t image_width, PositionResampling method) {
  if (image_height == config.image_height && image_width == config.image_width) return;
  require_whole_patches(config, image_height, image_width);
  const VitConfig resized = for_image_size(config, image_height, image_width);
  if (config.position == Position::kRelative) {
    throw UsageError(
        fmt::format("relative positions are learned for images of {} x {} pixels and cannot be "
                    "resampled; train at the size that is wanted",
                    config.image_height, config.image_width));
  }
  const int64_t prefix = config.prefix_positions();
  pos_embed.resample(prefix, config.grid(), resized.grid(), method);
  for (Block& block : blocks) {
    block.pos_embed.resample(prefix, config.grid(), resized.grid(), method);
  }
  config = resized;
}

int64_t Vit::layer_of(std::string_view parameter) const {
  constexpr std::string_view kBlocks = "blocks.";
  if (parameter.starts_with(kBlocks)) {
    int64_t block = 0;
    const std::string_view number = parameter.substr(kBlocks.size());
    std::from_chars(number.data(), number.data() + number.size(), block);
    return block + 1;
  }
  for (const std::string_view embedding :
       {"cls_token", "dist_token", "reg_token", "pos_embed", "patch_embed.", "norm_pre."}) {
    if (parameter.starts_with(embedding)) return 0;
  }
  return config.depth + 1;
}

const Vit& as_vit(const Network& network, std::string_view what) {
  const Vit* vit = dynamic_cast<const Vit*>(&network);
  if (vit == nullptr) throw UsageError(fmt::format("{} needs a vision transformer", what));
  return *vit;
}

void Vit::freeze() {
  if (backbone) backbone->freeze();
  visit([](const std::string&, Parameter& p, Role role) {
    p.value.freeze();
    if (role != Role::kWeight || p.value.rank() != 2) return;
    if (!packed_precision(p.value)) pack_weight(p.value);
    trim_memory();  // the plain weight: no activation is as large
  });
  const Tensor& patches = patch_embed.weight.value;
  if (!packed_precision(patches)) pack_conv2d_weight(patches);
  trim_memory();
}

}  // namespace vitrine
