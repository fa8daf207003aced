#pragma once

#include <string_view>

#include "core/tape.hpp"
#include "core/tensor.hpp"
#include "ops/kernels/binary.hpp"

namespace vitrine {

// Elementwise arithmetic on two tensors; all differentiable in both.
//
// Shapes are broadcast by NumPy's rule: aligned at the last axis, a missing axis or one of size 1
// is repeated: (2, 197, 768) with (768), (197, 1) or (). Gradients are summed back over what was
// repeated. Results are those of float32 arithmetic, rounded once. An argument that nobody else
// holds and that has the result's shape gives it its storage where the backward pass does not need
// it. All throw ShapeError if the shapes do not broadcast.

Tensor add(Tensor a, Tensor b);  ///< a + b
Tensor sub(Tensor a, Tensor b);  ///< a - b
Tensor mul(Tensor a, Tensor b);  ///< a b
Tensor div(Tensor a, Tensor b);  ///< a / b
/// The larger (smaller) of two; NaN if either is. Equal arguments get half of the gradient each.
Tensor maximum(Tensor a, Tensor b);
Tensor minimum(Tensor a, Tensor b);

Tensor add(Tensor a, float b);  ///< a + b for one number b
Tensor mul(Tensor a, float b);  ///< a b for one number b

struct BinaryGradients {
  Tensor da;  ///< as a
  Tensor db;  ///< as b
};

/// Gradients of any of them; needs[0] is a, needs[1] is b. What is not needed stays undefined.
/// Throws ShapeError if dy does not have the shape of the result.
BinaryGradients binary_backward(BinaryFunction f, const Tensor& dy, const Tensor& a,
                                const Tensor& b, Needs needs);

/// The shape of f(a, b). Throws ShapeError, with `op` in its text, if the shapes do not broadcast.
Shape broadcast_shape(std::string_view op, const Shape& a, const Shape& b);

}  // namespace vitrine
