#pragma once

#include <utility>
#include <vector>

#include "core/tensor.hpp"

namespace vitrine {

/// x with `pads[i].first` elements of `value` before axis i and `pads[i].second` behind it;
/// negative numbers cut elements off.
///   pads    one pair per axis of x
///   returns x's shape with axis i longer by the sum of its pair; differentiable
/// Throws ShapeError if there is not a pair per axis, if a number is beyond +-2^30, or if more is
/// cut off than there is.
Tensor pad(const Tensor& x, const std::vector<std::pair<int64_t, int64_t>>& pads,
           float value = 0.0F);

}  // namespace vitrine
