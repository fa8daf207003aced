#pragma once

#include <functional>
#include <string>

#include "models/networks/parameter.hpp"
#include "ops/dropout.hpp"
#include "ops/kernels/activation.hpp"
#include "ops/layer_norm.hpp"
#include "ops/linear.hpp"
#include "ops/rms_norm.hpp"

namespace vitrine {

/// Somebody who watches a forward pass. With a probe the blocks run unfused and report every
/// module's output under timm's module name ("blocks.0.mlp.fc1"), and the attention probabilities
/// (B, H, N, N) of each block.
struct Probe {
  std::function<void(const std::string& module, const Tensor& output)> output;
  std::function<void(const std::string& block, const Tensor& probabilities)> attention;
};

/// How a forward pass runs. The default is inference.
struct Pass {
  bool training = false;  ///< dropout and drop path are active
  uint64_t seed = 0;      ///< with `step`, what their masks are a function of
  uint64_t step = 0;
  Probe* probe = nullptr;
  bool checkpoint_blocks = false;  ///< see checkpointed()

  void report(const std::string& module, const Tensor& output) const {
    if (probe != nullptr && probe->output) probe->output(module, output);
  }
};

/// y = x W^T + b. Parameters: weight (out, in) and, unless switched off, bias (out).
struct Linear {
  Parameter weight, bias;

  Tensor operator()(const Tensor& x) const { return linear(x, weight.value, bias.value); }

  template <class F>
  void visit(const std::string& name, F&& f) {
    if (weight.defined()) f(name + ".weight", weight, Role::kWeight);
    if (bias.defined()) f(name + ".bias", bias, Role::kVector);
  }
};

/// What a norm divides by.
enum class NormKind {
  kLayer,  ///< the deviation from the mean, which is taken off: ops/layer_norm
  kRms,    ///< the root of the mean square: ops/rms_norm; no bias
};

/// A normalisation of the last axis. Parameters: weight (D) and, of a layer norm, bias (D).
struct Norm {
  Parameter weight, bias;
  float eps = 1e-6F;
  NormKind kind = NormKind::kLayer;

  bool defined() const { return weight.defined(); }
  Tensor operator()(const Tensor& x) const {
    if (kind == NormKind::kRms) return rms_norm(x, weight.value, eps);
    return layer_norm(x, weight.value, bias.value, eps);
  }

  template <class F>
  void visit(const std::string& name, F&& f) {
    if (weight.defined()) f(name + ".weight", weight, Role::kVector);
    if (bias.defined()) f(name + ".bias", bias, Role::kVector);
  }
};

}  // namespace vitrine
