#include "ops/batch_norm.hpp"

#include <utility>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/channel_norm.hpp"

namespace vitrine {
namespace {

/// running = (1 - momentum) running + momentum factor batch
void update(Tensor& running, const Tensor& batch, float momentum, double factor) {
  float* to = running.mutable_data();
  const double m = static_cast<double>(momentum);
  for (int64_t c = 0; c < running.numel(); ++c) {
    const double now = factor * static_cast<double>(batch.data()[c]);
    to[c] = static_cast<float>((1 - m) * static_cast<double>(to[c]) + m * now);
  }
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, Tensor& running_mean,
                  Tensor& running_var, const BatchNormOptions& o, const Tensor& residual) {
  const ProfileScope profile("batch_norm");
  check_rank_at_least("batch_norm", "x", x, 1);
  const int64_t channels = x.dim(-1);
  check(channels > 0, "batch_norm", "x has no channels");
  const ChannelNormInputs inputs{x, gamma, beta, residual, o.relu};
  check_inputs("batch_norm", inputs);
  if (!o.training || running_mean.defined() || running_var.defined()) {
    check_shape("batch_norm", "running_mean", running_mean, {channels}, "x", x.shape());
    check_shape("batch_norm", "running_var", running_var, {channels}, "x", x.shape());
  }
  const ChannelNormSizes sizes{1, rows_of(x), channels, channels};
  GroupMoments moments{running_mean, running_var};
  if (o.training) {
    check(sizes.rows > 1, "batch_norm",
          "training needs more than one number per channel: a larger batch, or larger images");
    moments = group_moments("batch_norm", x, sizes);
    if (running_mean.defined()) {
      const double n = static_cast<double>(sizes.rows);
      update(running_mean, moments.mean, o.momentum, 1);
      update(running_var, moments.var, o.momentum, n / (n - 1));
    }
  }
  return channel_norm(inputs, sizes,
                      {moments.mean, reciprocal_deviation(moments.var, o.eps), o.training});
}

FoldedBatchNorm fold_batch_norm(const Tensor& weight, const Tensor& bias, const Tensor& gamma,
                                const Tensor& beta, const Tensor& running_mean,
                                const Tensor& running_var, float eps) {
  check_rank_at_least("fold_batch_norm", "weight", weight, 1);
  const int64_t outputs = weight.dim(0);
  for (const auto& [name, t] : {std::pair{"bias", &bias}, {"gamma", &gamma}, {"beta", &beta}}) {
    if (t->defined()) check_shape("fold_batch_norm", name, *t, {outputs}, "weight", weight.shape());
  }
  check_shape("fold_batch_norm", "running_mean", running_mean, {outputs}, "weight", weight.shape());
  check_shape("fold_batch_norm", "running_var", running_var, {outputs}, "weight", weight.shape());
  FoldedBatchNorm folded{weight.clone(), Tensor::empty({outputs})};
  const Tensor rstd = reciprocal_deviation(running_var, eps);
  const auto at = [](const Tensor& t, int64_t i, double otherwise) {
    return t.defined() ? static_cast<double>(t.data()[i]) : otherwise;
  };
  float* to = folded.weight.mutable_data();
  float* to_bias = folded.bias.mutable_data();
  for (int64_t o = 0; o < outputs; ++o) {
    const double scale = at(rstd, o, 1) * at(gamma, o, 1);
    const int64_t row = weight.numel() / outputs;
    for (int64_t i = o * row; i < (o + 1) * row; ++i) {
      to[i] = static_cast<float>(scale * static_cast<double>(to[i]));
    }
    to_bias[o] =
        static_cast<float>((at(bias, o, 0) - at(running_mean, o, 0)) * scale + at(beta, o, 0));
  }
  return folded;
}

}  // namespace vitrine
