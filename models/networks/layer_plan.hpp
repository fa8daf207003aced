#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "core/shape.hpp"

namespace vitrine {

/// A layer as the configuration of its network tells it, for one image.
struct LayerPlan {
  std::string block;       ///< the repeated block that it is a part of, empty outside: "blocks.0"
  std::string part;        ///< within the block, or of the network: "attn.qkv"
  Shape shape;             ///< of the result: (N, D), (H, W, C) or (C)
  int64_t parameters = 0;  ///< trained numbers
  int64_t macs = 0;        ///< multiply-adds of matrix products and convolutions

  /// timm's name of the module, or of a parameter without one; where neither exists, that of the
  /// step in the forward pass: "blocks.0.attn.heads".
  std::string name() const { return block + (block.empty() || part.empty() ? "" : ".") + part; }
};

/// f(layer)
using LayerVisitor = std::function<void(const LayerPlan&)>;

/// Tells a visitor the layers of a block, or those outside of blocks if it has no name.
struct LayerTeller {
  const LayerVisitor& visitor;
  std::string block = {};

  void operator()(std::string part, const Shape& result, int64_t parameters = 0,
                  int64_t macs = 0) const {
    visitor({block, std::move(part), result, parameters, macs});
  }
  /// A linear layer or a convolution: every number of `result`, whose last axis is the outputs, is
  /// a sum of `fan_in` products.
  void product(std::string part, int64_t fan_in, const Shape& result, bool bias) const {
    const int64_t outputs = result.dim(-1);
    (*this)(std::move(part), result, outputs*(fan_in + int64_t{bias}), result.numel() * fan_in);
  }
  /// A norm: a gain and a bias for each number of the last axis.
  void norm(std::string part, const Shape& result) const {
    (*this)(std::move(part), result, 2 * result.dim(-1));
  }
};

}  // namespace vitrine
