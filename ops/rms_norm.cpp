#include "ops/rms_norm.hpp"

#include <utility>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/binary.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"

namespace vitrine {

Tensor rms_norm(const Tensor& x, const Tensor& gamma, float eps) {
  const ProfileScope profile("rms_norm");
  check_rank_at_least("rms_norm", "x", x, 1);
  if (gamma.defined()) check_shape("rms_norm", "gamma", gamma, {x.dim(-1)}, "x", x.shape());
  Tensor y = div(x, sqrt(add(mean(square(x), {-1}, true), eps)));
  return gamma.defined() ? mul(std::move(y), gamma) : y;
}

}  // namespace vitrine
