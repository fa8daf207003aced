#include "ops/group_norm.hpp"

#include <fmt/format.h>

#include <vector>

#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/channel_norm.hpp"
#include "ops/check.hpp"

namespace vitrine {

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& gamma, const Tensor& beta,
                  float eps, bool relu) {
  const ProfileScope profile("group_norm");
  check_rank("group_norm", "x", x, 2);
  const int64_t channels = x.dim(-1);
  if (groups < 1 || channels % groups != 0 || channels == 0) {
    throw ShapeError(fmt::format("[group_norm] {} groups must divide the channels of x {}", groups,
                                 x.shape().str()));
  }
  if (gamma.defined()) check_shape("group_norm", "gamma", gamma, {channels});
  if (beta.defined()) check_shape("group_norm", "beta", beta, {channels});
  const ChannelNormSizes sizes{x.dim(0), x.shape().product(1, x.rank() - 1), channels, groups};
  const GroupMoments moments = group_moments("group_norm", x, sizes);
  const Tensor rstd = reciprocal_deviation(moments.var, eps);
  Tensor y = channel_norm(x, sizes, moments.mean, rstd, gamma, beta, relu);
  if (Tape* tape = Tape::recording({&x, &gamma, &beta})) {
    tape->record({&x, &gamma, &beta}, y,
                 [x = Saved(x), y = Saved(relu ? y : Tensor()), gamma = Saved(gamma),
                  mean = moments.mean, rstd, sizes](const Tensor& dy, Needs needs) {
                   const auto g =
                       channel_norm_backward(dy, {x, y, mean, rstd, gamma}, sizes, true, needs);
                   return std::vector{g.dx, g.dgamma, g.dbeta};
                 });
  }
  return y;
}

}  // namespace vitrine
