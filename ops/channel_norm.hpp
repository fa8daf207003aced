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

/// What surrounds the moments: gamma and beta are (channels), or undefined for 1 and 0; residual is
/// as x, or undefined.
struct ChannelNormInputs {
  Tensor x, gamma, beta, residual;
  bool relu;
};

/// The moments that x is normalised by, (outer, groups). If they are x's own, they change with it.
struct ChannelNormMoments {
  Tensor mean, rstd;
  bool own;
};

/// Throws ShapeError, with `op` in its text, if the shapes do not fit.
void check_inputs(const char* op, const ChannelNormInputs& inputs);

/// y = (x - mean) rstd gamma + beta + residual, and max(0, that) if `relu`; recorded.
Tensor channel_norm(const ChannelNormInputs& inputs, const ChannelNormSizes& sizes,
                    const ChannelNormMoments& moments);

struct ChannelNormGradients {
  Tensor dx;      ///< as x
  Tensor dgamma;  ///< (channels)
  Tensor dbeta;   ///< (channels)
};

/// What the forward pass leaves: y only if its ReLU is still to be undone.
struct ChannelNormSaved {
  Tensor x, y, gamma;
};

/// Gradients; needs[0] is x, needs[1] gamma, needs[2] beta. What is not needed stays undefined.
ChannelNormGradients channel_norm_backward(const Tensor& dy, const ChannelNormSaved& saved,
                                           const ChannelNormSizes& sizes,
                                           const ChannelNormMoments& moments, Needs needs);

}  // namespace vitrine
