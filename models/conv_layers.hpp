#pragma once

#include "models/parameter.hpp"
#include "ops/conv2d.hpp"
#include "ops/group_norm.hpp"
#include "ops/standardize_weight.hpp"

namespace vitrine {

/// Convolution whose kernels are standardised in every pass, or once if frozen. Parameter: weight
/// (O, C, k, k), no bias.
struct StdConv2d {
  Parameter weight;
  int64_t stride = 1;
  bool same = true;  ///< TensorFlow's SAME padding; else (k - 1) / 2 on all sides
  float eps = 1e-8F;
  StandardizeForm form = StandardizeForm::kRoot;
  bool standardized = false;

  /// (B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), O)
  Tensor operator()(const Tensor& x) const {
    const int64_t kernel = weight.value.dim(2);
    Conv2dOptions options{.stride = {stride, stride}};
    const int64_t side = (kernel - 1) / 2;
    options.padding =
        same ? same_padding("conv2d", {x.dim(1), x.dim(2)}, {{kernel, kernel}, options.stride})
             : Padding2d{side, side, side, side};
    const Tensor kernels =
        standardized ? weight.value : standardize_weight(weight.value, eps, form);
    return conv2d(x, kernels, Tensor(), options);
  }
  /// No more training.
  void freeze() {
    if (!standardized) weight.value = standardize_weight(weight.value, eps, form);
    standardized = true;
    weight.value.freeze();
    pack_conv2d_weight(weight.value);
  }

  template <class F>
  void visit(const std::string& name, F&& f) {
    if (weight.defined()) f(name + ".weight", weight, Role::kWeight);
  }
};

/// Group normalisation. Parameters: weight (C), bias (C).
struct GroupNorm {
  Parameter weight, bias;
  int64_t groups = 32;
  float eps = 1e-5F;

  bool defined() const { return weight.defined(); }
  /// norm(x) + residual, if there is one, and a ReLU if asked for.
  Tensor operator()(const Tensor& x, bool relu, const Tensor& residual = {}) const {
    return group_norm(x, groups, weight.value, bias.value, eps, relu, residual);
  }

  template <class F>
  void visit(const std::string& name, F&& f) {
    if (!defined()) return;
    f(name + ".weight", weight, Role::kVector);
    f(name + ".bias", bias, Role::kVector);
  }
};

}  // namespace vitrine
