#include "models/inference/embeddings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "models/networks/vit.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/reduce.hpp"
#include "ops/slice.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

/// Tokens [first, first + count) of x (B, N, D).
Tensor tokens_of(const Tensor& x, int64_t first, int64_t count) {
  if (first == 0 && count == x.dim(1)) return x;
  return slice(x, {0, first, 0}, {x.dim(0), first + count, x.dim(2)}, {1, 1, 1});
}

/// All runs of tokens that a vision transformer has.
std::vector<TokenRun> runs_of(const VitConfig& c) {
  std::vector<TokenRun> runs;
  int64_t first = 0;
  const auto add = [&](TokenKind kind, int64_t count) {
    if (count > 0) runs.push_back({kind, first, count});
    first += count;
  };
  add(TokenKind::kClass, int64_t{c.class_token});
  add(TokenKind::kDistillation, int64_t{c.distilled});
  add(TokenKind::kRegisters, c.registers);
  add(TokenKind::kPatches, c.patches());
  return runs;
}

/// The pooling of the network itself.
Pool pool_of(const VitConfig& c) {
  const Pool pool = c.pool == Pool::kRawMean ? Pool::kMean : c.pool;
  const bool simple = !c.distilled && c.pre_logits == 0 && !c.pool_prefix;
  if (simple && std::ranges::find(kTokenPools, pool, &decltype(kTokenPools)::value_type::first) !=
                    kTokenPools.end()) {
    return pool;
  }
  throw UsageError(
      "this network pools its last block alone in its own way: say how its layers are to be "
      "pooled, or which tokens are wanted");
}

}  // namespace

Tensor unit_length(const Tensor& x) {
  constexpr float kLeast = 1e-12F;  // as torch's normalize
  const Tensor length = sqrt(sum(square(x), {-1}, true));
  return div(x, maximum(length, Tensor::full({1}, kLeast)));
}

void EmbeddingOptions::set_tokens(std::string_view names) {
  all_tokens = names == "all";
  tokens.clear();
  for (size_t end = 0; !all_tokens && end != std::string_view::npos;) {
    end = names.find(',');
    tokens.push_back(value_of(kTokenKinds, "token", names.substr(0, end)));
    names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
  }
}

int64_t EmbeddingShape::numel() const {
  return std::max<int64_t>(layers, 1) * std::max<int64_t>(tokens, 1) * width;
}

Shape EmbeddingShape::of(int64_t images) const {
  if (layers > 0 && tokens > 0) return {images, layers, tokens, width};
  if (layers > 0 || tokens > 0) return {images, std::max(layers, tokens), width};
  return {images, width};
}

Embedder::Embedder(const Network& network, EmbeddingOptions options)
    : network_(network), options_(std::move(options)) {
  shape_.width = network.network_config().features();
  if (options_.are_features()) return;
  const VitConfig& c = as_vit(network, "layers, tokens and pooling of another kind").config;
  shape_.width = c.width;
  layers_ = options_.layers.empty() ? std::vector<int64_t>{-1} : options_.layers;
  for (int64_t& layer : layers_) {
    if (layer < -c.depth || layer >= c.depth) {
      throw UsageError(
          fmt::format("there is no block {}: the network has {}, 0 to {}, or -{} to -1", layer,
                      c.depth, c.depth - 1, c.depth));
    }
    if (layer < 0) layer += c.depth;
  }
  shape_.layers = static_cast<int64_t>(options_.layers.size());
  if (options_.wants_tokens()) {
    find_tokens();
    return;
  }
  pool_ = options_.pool ? *options_.pool : pool_of(c);
  const bool token = pool_ == Pool::kToken || pool_ == Pool::kTokenMean;
  if (token && !c.class_token) throw UsageError("this network has no class token to pool by");
  if (pool_ == Pool::kTokenMean) shape_.width *= 2;
}

void Embedder::find_tokens() {
  if (options_.pool) throw UsageError("either tokens are wanted or one vector pooled of them");
  const VitConfig& c = as_vit(network_).config;
  const std::vector<TokenRun> all = runs_of(c);
  for (const TokenKind kind : options_.tokens) {
    if (std::ranges::find(all, kind, &TokenRun::kind) != all.end()) continue;
    throw UsageError(fmt::format("this network has no {} token", name_of(kTokenKinds, kind)));
  }
  for (TokenRun run : all) {
    if (!options_.wants(run.kind)) continue;
    run.first = shape_.tokens;
    shape_.tokens += run.count;
    shape_.runs.push_back(run);
  }
  if (shape_.runs.back().kind != TokenKind::kPatches) return;
  shape_.grid_height = c.grid_height();
  shape_.grid_width = c.grid_width();
}

/// Of a block's result (B, N, D): (B, T, D), or (B, 1, D) pooled.
Tensor Embedder::wanted_of(Tensor x) const {
  const Vit& vit = as_vit(network_);
  const int64_t prefix = vit.config.prefix_tokens();
  const bool norms = !options_.before_norm && vit.config.pool != Pool::kRawMean;
  if (norms && vit.norm.defined()) x = vit.norm(x);
  if (options_.wants_tokens()) {
    std::vector<Tensor> parts;
    for (const TokenRun& run : runs_of(vit.config)) {
      if (!options_.wants(run.kind)) continue;
      parts.push_back(tokens_of(x, run.first, run.count));
    }
    return parts.size() == 1 ? parts[0] : concat(parts, 1);
  }
  const Tensor first = vit.config.class_token ? tokens_of(x, 0, 1) : Tensor();
  const auto patches = [&] {
    return pool_tokens(pool_, x, prefix).reshape({x.dim(0), 1, x.dim(2)});
  };
  if (pool_ == Pool::kTokenMean) return concat(std::vector{first, patches()}, 2);
  const Tensor y = pool_ == Pool::kToken ? first : patches();
  return norms && vit.fc_norm.defined() ? vit.fc_norm(y) : y;
}

Tensor Embedder::operator()(const Tensor& images) const {
  Tensor y;
  if (options_.are_features()) {
    y = network_.features(images);
  } else {
    std::vector<Tensor> parts(layers_.size());
    Probe probe;
    probe.output = [&](const std::string& module, const Tensor& output) {
      for (size_t i = 0; i < layers_.size(); ++i) {
        if (module == fmt::format("blocks.{}", layers_[i])) parts[i] = wanted_of(output);
      }
    };
    network_.features(images, {.probe = &probe});
    y = parts.size() == 1 ? parts[0] : concat(parts, 1);
    y = y.reshape(shape_.of(images.dim(0)));
  }
  return options_.unit_length ? unit_length(y) : y;
}

}  // namespace vitrine
