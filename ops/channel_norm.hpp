#pragma once

#include <string_view>

#include "core/tape.hpp"
#include "core/tensor.hpp"

namespace vitrine {

// What batch_norm and group_norm have in common: x is seen as (outer, rows, channels), and every
// group of neighbouring channels is normalised over the rows of its outer index. Group norm has an
// outer index per image; batch norm has a single one, and groups of one channel.

struct ChannelNormSizes {
  int64_t outer, rows, channels, groups;

  int64_t group_channels() const { return channels / groups; }
  /// Numbers that one mean is taken of.
  int64_t count() const { return rows * group_channels(); }
};

/// Mean and biased variance of every group, each (outer, groups).
struct GroupMoments {
  Tensor mean, var;
};
/// In two passes, with the correction that the rounded mean asks for.
GroupMoments group_moments(std::string_view op, const Tensor& x, const ChannelNormSizes& sizes);

/// 1 / sqrt(var + eps)
Tensor reciprocal_deviation(const Tensor& var, float eps);

/// y = (x - mean) rstd gamma + beta, and max(0, that) if `relu`. mean and rstd are (outer, groups);
/// gamma and beta (channels) may be undefined for 1 and 0. Not recorded.
Tensor channel_norm(const Tensor& x, const ChannelNormSizes& sizes, const Tensor& mean,
                    const Tensor& rstd, const Tensor& gamma, const Tensor& beta, bool relu);

struct ChannelNormGradients {
  Tensor dx;      ///< as x
  Tensor dgamma;  ///< (channels)
  Tensor dbeta;   ///< (channels)
};

/// What the forward pass leaves. y is undefined unless there was a ReLU.
struct ChannelNormSaved {
  Tensor x, y, mean, rstd, gamma;
};

/// Gradients; needs[0] is x, needs[1] gamma, needs[2] beta. If `own_moments`, mean and rstd are
/// those of x and change with it; else they are constants.
ChannelNormGradients channel_norm_backward(const Tensor& dy, const ChannelNormSaved& saved,
                                           const ChannelNormSizes& sizes, bool own_moments,
                                           Needs needs);

}  // namespace vitrine
