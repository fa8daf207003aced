#pragma once

#include <string_view>

#include "core/tensor.hpp"
#include "ops/axis_list.hpp"

namespace vitrine {

/// A reduction as loops: x seen as (outer, n, inner), where the middle axis is reduced. Reduced
/// axes that are no neighbours are made so by a permuted copy.
struct Reduction {
  /// Throws ShapeError, with `op` in its text, on an axis that is out of range or named twice.
  /// {} means all axes.
  Reduction(std::string_view op, const Tensor& x, const AxisList& axes);

  Tensor x;  ///< unknown to any tape
  int64_t outer = 1;
  int64_t n = 1;
  int64_t inner = 1;
  Shape kept;     ///< of the result, with reduced axes as axes of size 1
  Shape dropped;  ///< of the result, without them

  const Shape& shape(bool keepdim) const { return keepdim ? kept : dropped; }
  int64_t results() const { return outer * inner; }
};

// Each returns outer * inner numbers, as a tensor of shape `dropped`. Where a column is long, it is
// cut into parts at places that depend on the shape alone, and their results are joined in order.

Tensor reduce_sum(const Reduction& r);
Tensor reduce_max(const Reduction& r);

/// Sums of d = x - center and of d^2, where `center` is one number per result.
struct Deviations {
  Tensor sums;
  Tensor squares;
};
Deviations reduce_deviations(const Reduction& r, const Tensor& center);

}  // namespace vitrine
