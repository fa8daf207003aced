#pragma once

#include "models/networks/layers.hpp"
#include "models/networks/parameter.hpp"
#include "ops/batch_norm.hpp"
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
  /// No more training. A weight that was read in another precision stays in it: those are of
  /// standardised kernels (models/weights/save_quantized.hpp).
  void freeze() {
    const auto precision = packed_precision(weight.value);
    if (!standardized && !precision) weight.value = standardize_weight(weight.value, eps, form);
    standardized = true;
    weight.value.freeze();
    pack_conv2d_weight(weight.value, 1, precision.value_or(Precision::kFloat32));
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

/// Batch normalisation. Parameters: weight (C), bias (C); buffers: running_mean (C), running_var
/// (C).
struct BatchNorm {
  Parameter weight, bias;
  Parameter running_mean, running_var;
  float eps = 1e-5F;
  float momentum = 0.1F;
};

/// A convolution and the batch norm behind it, with padding (k - 1) / 2 on all sides. Parameter:
/// weight (O, C / groups, k, k). Frozen, it is a convolution with a bias.
struct ConvNorm {
  Parameter weight;
  BatchNorm norm;
  Tensor folded_bias;  // of the frozen form
  int64_t stride = 1;
  int64_t groups = 1;

  /// norm(conv(x)) + residual, if there is one, and a ReLU if asked for. Training moves the running
  /// statistics, the only state that a pass changes.
  ///   x (B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), O)
  Tensor operator()(const Tensor& x, const Pass& pass, bool relu,
                    const Tensor& residual = {}) const {
    const int64_t side = (weight.value.dim(2) - 1) / 2;
    Conv2dOptions options{
        .stride = {stride, stride}, .padding = {side, side, side, side}, .groups = groups};
    if (folded_bias.defined()) {
      options.relu = relu;
      return residual.defined() ? conv2d_add(x, weight.value, folded_bias, residual, options)
                                : conv2d(x, weight.value, folded_bias, options);
    }
    Tensor mean = norm.running_mean.value;  // shares what it changes
    Tensor var = norm.running_var.value;
    return batch_norm(
        conv2d(x, weight.value, Tensor(), options), norm.weight.value, norm.bias.value, mean, var,
        {.training = pass.training, .momentum = norm.momentum, .eps = norm.eps, .relu = relu},
        residual);
  }
  /// No more training. A weight that was read in integers stays in them: folding only scales its
  /// rows.
  void freeze() {
    const auto precision = packed_precision(weight.value).value_or(Precision::kFloat32);
    if (!folded_bias.defined()) {
      const FoldedBatchNorm folded =
          fold_batch_norm(weight.value, Tensor(), norm.weight.value, norm.bias.value,
                          norm.running_mean.value, norm.running_var.value, norm.eps);
      weight.value = folded.weight;
      folded_bias = folded.bias;
      norm = {};
    }
    weight.value.freeze();
    folded_bias.freeze();
    pack_conv2d_weight(weight.value, groups, precision);
  }

  template <class F>
  void visit(const std::string& conv_name, const std::string& norm_name, F&& f) {
    if (weight.defined()) f(conv_name + ".weight", weight, Role::kWeight);
    if (norm.weight.defined()) f(norm_name + ".weight", norm.weight, Role::kVector);
    if (norm.bias.defined()) f(norm_name + ".bias", norm.bias, Role::kVector);
    if (norm.running_mean.defined()) {
      f(norm_name + ".running_mean", norm.running_mean, Role::kBuffer);
    }
    if (norm.running_var.defined()) f(norm_name + ".running_var", norm.running_var, Role::kBuffer);
  }
};

}  // namespace vitrine
