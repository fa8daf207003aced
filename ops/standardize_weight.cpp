#include "ops/standardize_weight.hpp"

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/binary.hpp"
#include "ops/layer_norm.hpp"
#include "ops/reduce.hpp"

namespace vitrine {

Tensor standardize_weight(const Tensor& weight, float eps, StandardizeForm form) {
  const ProfileScope profile("standardize_weight");
  check_rank_at_least("standardize_weight", "weight", weight, 2);
  const Tensor rows = weight.reshape({weight.dim(0), weight.shape().product(1, weight.rank())});
  if (form == StandardizeForm::kRoot) {
    return layer_norm(rows, Tensor(), Tensor(), eps).reshape(weight.shape());
  }
  const Tensor deviation = std(rows, {1}, 0, true);
  return div(sub(rows, mean(rows, {1}, true)), add(deviation, eps)).reshape(weight.shape());
}

}  // namespace vitrine
