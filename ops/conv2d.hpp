#pragma once

#include "core/tape.hpp"
#include "core/tensor.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/kernels/precision.hpp"
#include "ops/window.hpp"

namespace vitrine {

struct Conv2dOptions {
  Size2d stride{1, 1};
  Size2d dilation{1, 1};  ///< distance of the kernel's elements, in pixels
  Padding2d padding{};    ///< of zeros
  int64_t groups = 1;     ///< channels and outputs are cut into so many convolutions side by side
  bool relu = false;      ///< max(0, .) as the last step
};

/// Convolution of images (a cross-correlation, as networks have it):
///   y[b, i, j, o] = bias[o] + sum over (u, v, c) of
///                   x[b, i s + u d - top, j s + v d - left, c] weight[o, c, u, v]
///   x       (B, H, W, C); 0 where an index is outside
///   weight  (O, C / groups, kh, kw), as PyTorch stores it; a frozen one is packed once. Output o
///           sees the channels of group o / (O / groups)
///   bias    (O), or undefined
///   returns (B, H', W', O), H' = (H + top + bottom - (kh - 1) d - 1) / s + 1, W' from
///           W, left, right and kw; differentiable in x, weight and bias
/// Error: that of a product over kh kw C / groups. Throws ShapeError, and UsageError
/// as places() does.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options = {});

/// conv2d(x, weight, bias) + residual, and the options' ReLU after the sum: the end of a residual
/// block whose batch norm is folded.
///   residual (B, H', W', O)
///   returns  (B, H', W', O); differentiable in all of them. Throws what conv2d does.
Tensor conv2d_add(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                  const Conv2dOptions& options = {});

/// Packs a frozen weight for the active ISA now, for convolutions with so many groups. If it is all
/// that its storage holds, the packed form is the only one from then on, until somebody asks for
/// data(). To be called before other threads know the weight. A borrowed one is left for
/// packed_weight if it is to stay in f32. Groups that are narrow always stay in f32
/// (ops/conv2d_groups.hpp). Throws ShapeError unless it has four axes, UsageError unless it is
/// frozen.
void pack_conv2d_weight(const Tensor& weight, int64_t groups = 1,
                        Precision precision = Precision::kFloat32);

/// What packed_weight has to make of a weight with one group: null for 1 x 1 kernels, which are a
/// matrix as they are, else a function to (O, kh kw C).
MatrixOf conv2d_matrix_of(const Tensor& weight);

struct Conv2dGradients {
  Tensor dx;       ///< (B, H, W, C)
  Tensor dweight;  ///< (O, C / groups, kh, kw)
  Tensor dbias;    ///< (O)
};

/// Gradients of the convolution itself, without residual and ReLU; needs[0] is x, needs[1] weight,
/// needs[2] bias. What is not needed stays undefined.
Conv2dGradients conv2d_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                const Conv2dOptions& options, Needs needs);

}  // namespace vitrine
