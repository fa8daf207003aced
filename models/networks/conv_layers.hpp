#pragma once

#include "models/networks/image_norm_options.hpp"
#include "models/networks/layers.hpp"
#include "models/networks/parameter.hpp"
#include "ops/batch_norm.hpp"
#include "ops/conv2d.hpp"
#include "ops/group_norm.hpp"
#include "ops/standardize_weight.hpp"

namespace vitrine {

/// Convolution without a bias whose kernels are standardised in every pass, or once if frozen; or
/// used as they are. Parameter: weight (O, C, k, k).
struct ImageConv {
  Parameter weight;
  int64_t stride = 1;
  bool same = true;  ///< TensorFlow's SAME padding; else (k - 1) / 2 on all sides
  float eps = 1e-8F;
  StandardizeForm form = StandardizeForm::kRoot;
  bool standardize = true;  ///< still to be done

  /// (B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), O)
  Tensor operator()(const Tensor& x) const {
    const int64_t kernel = weight.value.dim(2);
    Conv2dOptions options{.stride = {stride, stride}};
    const int64_t side = (kernel - 1) / 2;
    options.padding =
        same ? same_padding("conv2d", {x.dim(1), x.dim(2)}, {{kernel, kernel}, options.stride})
             : Padding2d{side, side, side, side};
    const Tensor kernels = standardize ? standardize_weight(weight.value, eps, form) : weight.value;
    return conv2d(x, kernels, Tensor(), options);
  }
  /// No more training. A weight that was read in another precision stays in it: those are of
  /// standardised kernels (models/weights/save_quantized.hpp).
  void freeze() {
    const auto precision = packed_precision(weight.value);
    if (standardize && !precision) weight.value = standardize_weight(weight.value, eps, form);
    standardize = false;
    weight.value.freeze();
    pack_conv2d_weight(weight.value, 1, precision.value_or(Precision::kFloat32));
  }

  template <class F>
  void visit(const std::string& name, F&& f) {
    if (weight.defined()) f(name + ".weight", weight, Role::kWeight);
  }
};

/// Batch or group normalisation. Parameters: weight (C), bias (C); buffers of batch norm:
/// running_mean (C), running_var (C).
struct ImageNorm {
  Parameter weight, bias;
  Parameter running_mean, running_var;
  int64_t groups = 0;  ///< of group norm
  float eps = 1e-5F;
  float momentum = 0.1F;

  static ImageNorm make(const ImageNormOptions& options, int64_t channels) {
    ImageNorm norm;
    norm.weight.value = Tensor::empty({channels});
    norm.bias.value = Tensor::empty({channels});
    norm.momentum = static_cast<float>(options.bn_momentum);
    norm.eps = static_cast<float>(options.batch() ? options.bn_eps : options.gn_eps);
    norm.groups = options.batch() ? 0 : options.groups;
    if (!options.batch()) return norm;
    norm.running_mean.value = Tensor::empty({channels});
    norm.running_var.value = Tensor::empty({channels});
    return norm;
  }

  bool defined() const { return weight.defined(); }
  bool batch() const { return groups == 0; }
  /// norm(x) + residual, if there is one, and a ReLU if asked for. Training moves the running
  /// statistics, the only state that a pass changes.
  Tensor operator()(const Tensor& x, const Pass& pass, bool relu,
                    const Tensor& residual = {}) const {
    if (!batch()) return group_norm(x, groups, weight.value, bias.value, eps, relu, residual);
    Tensor mean = running_mean.value;  // shares what it changes
    Tensor var = running_var.value;
    return batch_norm(x, weight.value, bias.value, mean, var,
                      {.training = pass.training, .momentum = momentum, .eps = eps, .relu = relu},
                      residual);
  }

  template <class F>
  void visit(const std::string& name, F&& f) {
    if (weight.defined()) f(name + ".weight", weight, Role::kVector);
    if (bias.defined()) f(name + ".bias", bias, Role::kVector);
    if (running_mean.defined()) f(name + ".running_mean", running_mean, Role::kBuffer);
    if (running_var.defined()) f(name + ".running_var", running_var, Role::kBuffer);
  }
};

/// A convolution and the norm behind it, with padding (k - 1) / 2 on all sides. Parameter: weight
/// (O, C / groups, k, k). Frozen, with batch norm, it is a convolution with a bias.
struct ConvNorm {
  Parameter weight;
  ImageNorm norm;
  Tensor folded_bias;  // of the frozen form
  int64_t stride = 1;
  int64_t groups = 1;

  /// norm(conv(x)) + residual, if there is one, and a ReLU if asked for.
  ///   x (B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), O)
  Tensor operator()(const Tensor& x, const Pass& pass, bool relu,
                    const Tensor& residual = {}) const {
    const int64_t side = (weight.value.dim(2) - 1) / 2;
    Conv2dOptions options{
        .stride = {stride, stride}, .padding = {side, side, side, side}, .groups = groups};
    if (!folded_bias.defined()) {
      return norm(conv2d(x, weight.value, Tensor(), options), pass, relu, residual);
    }
    options.relu = relu;
    return residual.defined() ? conv2d_add(x, weight.value, folded_bias, residual, options)
                              : conv2d(x, weight.value, folded_bias, options);
  }
  /// No more training. A weight that was read in integers stays in them: folding only scales its
  /// rows.
  void freeze() {
    const auto precision = packed_precision(weight.value).value_or(Precision::kFloat32);
    if (!folded_bias.defined() && norm.batch()) {
      const FoldedBatchNorm folded =
          fold_batch_norm(weight.value, Tensor(), norm.weight.value, norm.bias.value,
                          norm.running_mean.value, norm.running_var.value, norm.eps);
      weight.value = folded.weight;
      folded_bias = folded.bias;
      folded_bias.freeze();
      norm = {};
    }
    weight.value.freeze();
    pack_conv2d_weight(weight.value, groups, precision);
  }

  template <class F>
  void visit(const std::string& conv_name, const std::string& norm_name, F&& f) {
    if (weight.defined()) f(conv_name + ".weight", weight, Role::kWeight);
    norm.visit(norm_name, f);
  }
};

}  // namespace vitrine
