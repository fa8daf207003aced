#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/enum_names.hpp"
#include "models/networks/network.hpp"
#include "models/networks/vit_config.hpp"

namespace vitrine {

/// Tokens of a vision transformer, in the order in which they stand.
enum class TokenKind { kClass, kDistillation, kRegisters, kPatches };

inline constexpr EnumNames<TokenKind, 4> kTokenKinds = {{{TokenKind::kClass, "class"},
                                                         {TokenKind::kDistillation, "distillation"},
                                                         {TokenKind::kRegisters, "registers"},
                                                         {TokenKind::kPatches, "patches"}}};

/// The ways in which any tokens become one vector.
inline constexpr EnumNames<Pool, 5> kTokenPools = {{{Pool::kToken, "token"},
                                                    {Pool::kMean, "avg"},
                                                    {Pool::kMax, "max"},
                                                    {Pool::kMeanMax, "avgmax"},
                                                    {Pool::kTokenMean, "token_avg"}}};

/// What is wanted of a network besides what its head sees. All but unit_length needs a vision
/// transformer; layers and tokens have the network's final norm behind them unless before_norm.
struct EmbeddingOptions {
  /// Blocks from 0 on; negative ones count from the last, which is -1. Empty: the last, without an
  /// axis of its own.
  std::vector<int64_t> layers = {};
  bool before_norm = false;
  /// Those tokens instead of one vector, or all that there are.
  std::vector<TokenKind> tokens = {};
  bool all_tokens = false;
  /// Another pooling than the network's own, one of kTokenPools. Not with tokens.
  std::optional<Pool> pool = {};
  bool unit_length = false;  ///< every vector divided by its length; 0 stays 0

  /// Sets the tokens from "all" or names with commas between them. Throws UsageError for others.
  void set_tokens(std::string_view names);
  bool wants_tokens() const { return all_tokens || !tokens.empty(); }
  bool wants(TokenKind kind) const {
    return all_tokens || std::ranges::find(tokens, kind) != tokens.end();
  }
  /// Whether a vector is what the head sees.
  bool are_features() const { return layers.empty() && !before_norm && !wants_tokens() && !pool; }
};

/// Some tokens that stand side by side.
struct TokenRun {
  TokenKind kind;
  int64_t first, count;
};

/// What an Embedder gives of an image: (layers, tokens, width), without the axes that nobody asked
/// for.
struct EmbeddingShape {
  int64_t layers = 0, tokens = 0;  ///< 0: there is no such axis
  int64_t width = 0;
  std::vector<TokenRun> runs;               ///< which tokens, in their order
  int64_t grid_height = 0, grid_width = 0;  ///< of the patches, which are row by row

  int64_t numel() const;
  /// Of so many images: (images, [layers,] [tokens,] width).
  Shape of(int64_t images) const;
};

/// Embeddings of images by the options.
class Embedder {
 public:
  /// `network` outlives this. Throws UsageError for what it does not have: layers, tokens, a pool.
  Embedder(const Network& network, EmbeddingOptions options);

  const EmbeddingOptions& options() const { return options_; }
  const EmbeddingShape& shape() const { return shape_; }
  /// How tokens are pooled, if they are.
  Pool pool() const { return pool_; }
  /// Numbers of the blocks, from 0 on.
  const std::vector<int64_t>& layers() const { return layers_; }

  /// images (B, H, W, C), normalised -> shape().of(B)
  Tensor operator()(const Tensor& images) const;

 private:
  void find_tokens();
  Tensor wanted_of(Tensor x) const;

  const Network& network_;
  EmbeddingOptions options_;
  EmbeddingShape shape_;
  std::vector<int64_t> layers_;
  Pool pool_ = Pool::kToken;
};

/// x (..., D), every vector divided by its length; 0 stays 0. Source: torch's normalize.
Tensor unit_length(const Tensor& x);

}  // namespace vitrine
