#include "models/networks/vit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/reused.hpp"
#include "models/networks/checkpointed.hpp"
#include "models/networks/config_check.hpp"
#include "models/networks/name_suffix.hpp"
#include "models/networks/patch_resampling.hpp"
#include "models/networks/whole_patches.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/conv2d.hpp"
#include "ops/expand.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/patch_embed.hpp"
#include "ops/reduce.hpp"
#include "ops/relative_position_bias.hpp"
#include "ops/rotary_table.hpp"
#include "ops/slice.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

// Random masks outside of the blocks, whose places end at 2^24.
constexpr uint32_t kPositionMask = (1U << 24) - 2;
constexpr uint32_t kHeadMask = kPositionMask + 1;

/// BEiT's table for another grid; a frozen one stays frozen.
void resample_table(Parameter& table, Size2d from, Size2d to, PositionResampling method) {
  const bool torch = method == PositionResampling::kBicubic;  // transformers' habit
  Tensor resampled = resample_relative_table(
      table.value, from, to,
      torch ? RelativeResampling::kBilinear : RelativeResampling::kGeometric);
  if (table.value.storage().frozen()) resampled.freeze();
  table.value = resampled;
}

/// Columns of a pair of tokens side by side, (B, 2 D) -> (B, D): the first, or the second.
Tensor half_of(const Tensor& x, int64_t which) {
  const int64_t width = x.dim(1) / 2;
  return slice(x, {0, which * width}, {x.dim(0), (which + 1) * width}, {1, 1});
}

}  // namespace

/// z0 of the paper's eq. 1: patches as vectors, the tokens before them, positions added.
Tensor Vit::tokens_of(const Tensor& images, const Pass& pass) const {
  check_images("vit", images);
  const int64_t batch = images.dim(0);
  const Tensor pixels = backbone ? (*backbone)(images, pass, "patch_embed.backbone") : images;
  Tensor x = vitrine::patch_embed(pixels, patch_embed.weight.value, patch_embed.bias.value);
  if (patch_norm.defined()) x = patch_norm(x);
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

Tensor pool_tokens(Pool pool, const Tensor& tokens, int64_t skipped) {
  const Tensor patches = skipped == 0 ? tokens : slice_axis(tokens, 1, skipped, kEnd);
  if (pool == Pool::kMax) return amax(patches, {1}, false);
  Tensor middle = mean(patches, {1}, false);
  if (pool != Pool::kMeanMax) return middle;
  return mul(add(amax(patches, {1}, false), middle), 0.5F);
}

/// (B, N, D) -> (B, D); with kTokenMean beside the class token (B, 2 D)
Tensor Vit::pool_of(const Tensor& tokens, const Pass& pass) const {
  const int64_t batch = tokens.dim(0);
  const int64_t skipped = config.skipped_tokens();
  if (config.pool == Pool::kMap) {
    const Tensor seen = skipped == 0 ? tokens : slice_axis(tokens, 1, skipped, kEnd);
    const Tensor found = attn_pool(seen, pass).reshape({batch, config.width});
    pass.report("attn_pool", found);
    return found;
  }
  Tensor patches = pool_tokens(config.pool, tokens, skipped);
  if (config.pool != Pool::kTokenMean) return patches;
  return concat({slice_axis(tokens, 1, 0, 1).reshape({batch, config.width}), patches}, 1);
}

/// (B, N, D) -> (B, D); (B, 2 D) if distilled or of class token and mean
Tensor Vit::pooled(const Tensor& x, const Pass& pass) const {
  const int64_t batch = x.dim(0);
  if (config.pool != Pool::kToken) {
    Tensor y = norm.defined() ? norm(x) : x;
    if (norm.defined()) pass.report("norm", y);
    y = pool_of(y, pass);
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

/// A block with what the network has for all of them: learned rotary frequencies as angles, and the
/// bias of the scores that they share.
Block Vit::at_work(const Block& block, const Tensor& bias) const {
  Block working = block;
  working.attn.given_bias.value = bias;
  if (rope_freqs.defined()) {
    const Tensor own = slice_axis(rope_freqs.value, 1, block.index, block.index + 1)
                           .reshape({2, config.heads, config.head_width() / 2});
    working.attn.given_turns.value = mixed_rotary_table(own, block.attn.layout, config.grid());
  }
  return working;
}

/// images -> (B, D); (B, 2 D) if distilled: class and distillation token; see pooled()
Tensor Vit::encoded(const Tensor& images, const Pass& pass) const {
  Tensor x = tokens_of(images, pass);
  Tensor bias;  // of the scores, that all blocks share
  if (rel_table.defined()) bias = relative_position_bias(rel_table.value, config.grid());
  const bool given = rope_freqs.defined() || bias.defined();
  for (const Block& block : blocks) {
    if (block.index > 0 && config.position_at == PositionAt::kShared) x = pos_embed.add_to(x);
    x = given ? checkpointed(at_work(block, bias), x, pass) : checkpointed(block, x, pass);
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
  return heads(images, pass).answer();
}

HeadLogits Vit::heads(const Tensor& images, const Pass& pass) const {
  if (config.classes == 0) return {features(images, pass), {}};
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
  resize({image_height, image_width}, {config.patch_height, config.patch_width}, method);
}

void Vit::resize(Size2d image, Size2d patch, PositionResampling method) {
  const bool same_patches = patch == Size2d{config.patch_height, config.patch_width};
  if (same_patches && image == Size2d{config.image_height, config.image_width}) return;
  if (!same_patches) {
    require(!backbone, "a hybrid cuts its patches from features, and they keep their size");
    require_in("patch_size", patch.h, 1, image.h);
    require_in("patch_size", patch.w, 1, image.w);
  }
  VitConfig resized = config;
  resized.patch_height = patch.h;
  resized.patch_width = patch.w;
  require_whole_patches(resized, image.h, image.w);
  resized = for_image_size(resized, image.h, image.w);
  if (config.position == Position::kRelative) {
    throw UsageError(
        fmt::format("relative positions are learned for images of {} x {} pixels and cannot be "
                    "resampled; train at the size that is wanted",
                    config.image_height, config.image_width));
  }
  if (!same_patches) {
    Tensor& weight = patch_embed.weight.value;
    weight = resample_patch_weight(weight, patch, method);
  }
  const int64_t prefix = config.prefix_positions();
  pos_embed.resample(prefix, config.grid(), resized.grid(), method);
  for (Block& block : blocks) {
    block.pos_embed.resample(prefix, config.grid(), resized.grid(), method);
  }
  if (rel_table.defined()) resample_table(rel_table, config.grid(), resized.grid(), method);
  for (Block& block : blocks) {
    if (!block.attn.rel_table.defined()) continue;
    resample_table(block.attn.rel_table, config.grid(), resized.grid(), method);
    block.attn.window = resized.grid();
  }
  config = resized;
  set_turns();
}

/// Fixed rotary positions: one table for all blocks.
void Vit::set_turns() {
  if (!config.rope || config.rope->learned()) return;
  const Tensor turns = rotary_table(config.rope->table, config.grid(), config.head_width());
  for (Block& block : blocks) block.attn.turns = turns;
}

int64_t Vit::layer_of(std::string_view parameter) const {
  constexpr std::string_view kBlocks = "blocks.";
  if (parameter.starts_with(kBlocks)) return leading_number(parameter.substr(kBlocks.size())) + 1;
  for (const std::string_view embedding : {"cls_token", "dist_token", "reg_token", "pos_embed",
                                           "patch_embed.", "norm_pre.", "rope.", "rel_pos_bias."}) {
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
  for (Block& block : blocks) block.attn.freeze();
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
