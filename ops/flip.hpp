#pragma once

#include <vector>

#include "core/tensor.hpp"

namespace vitrine {

/// x with the order of the elements along `axes` reversed. A copy. Negative axes count from the
/// end; differentiable. Throws ShapeError if an axis is out of range or named twice.
Tensor flip(const Tensor& x, const std::vector<int64_t>& axes);

}  // namespace vitrine
