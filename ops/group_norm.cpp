#include "ops/group_norm.hpp"

#include <fmt/format.h>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/channel_norm.hpp"

namespace vitrine {

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& gamma, const Tensor& beta,
                  float eps, bool relu, const Tensor& residual) {
  const ProfileScope profile("group_norm");
  check_rank_at_least("group_norm", "x", x, 2);
  const int64_t channels = x.dim(-1);
  if (groups < 1 || channels % groups != 0 || channels == 0) {
    throw ShapeError(fmt::format("[group_norm] {} groups must divide the channels of x {}", groups,
                                 x.shape().str()));
  }
  const ChannelNormInputs inputs{x, gamma, beta, residual, relu};
  check_inputs("group_norm", inputs);
  const ChannelNormSizes sizes{x.dim(0), x.shape().product(1, x.rank() - 1), channels, groups};
  const GroupMoments moments = group_moments("group_norm", x, sizes);
  return channel_norm(inputs, sizes, {moments.mean, reciprocal_deviation(moments.var, eps), true});
}

}  // namespace vitrine
