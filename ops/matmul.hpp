#pragma once

#include "core/tape.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// Matrix product by NumPy's rules: y = op(a) op(b), where op swaps the last two axes if asked.
///   a       (..., M, K), or (..., K, M) with transpose_a; or (K), a row whose axis is dropped from
///   y b       (..., K, N), or (..., N, K) with transpose_b; or (K), a column whose axis is dropped
///   returns (..., M, N); leading axes are broadcast. Differentiable in both.
/// Error: that of dot products of K floats added in blocks. Throws ShapeError, also on transposing
/// an argument with one axis.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

struct MatmulGradients {
  Tensor da;  ///< as a
  Tensor db;  ///< as b
};

/// Gradients of matmul; needs[0] is a, needs[1] is b. What is not needed stays undefined. Where an
/// argument was broadcast, its gradient is the sum over the copies.
MatmulGradients matmul_backward(const Tensor& dy, const Tensor& a, const Tensor& b,
                                bool transpose_a, bool transpose_b, Needs needs);

}  // namespace vitrine
