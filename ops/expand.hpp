#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// x repeated to `shape` by the rule of broadcasting: aligned at the last axis, missing axes and
/// axes of size 1 are repeated, so (1, 1, D) becomes (B, 1, D). A copy. Differentiable; the
/// gradient is summed back. Throws ShapeError if x does not broadcast to `shape`.
Tensor expand(const Tensor& x, const Shape& shape);

}  // namespace vitrine
