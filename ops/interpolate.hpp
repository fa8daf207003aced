#pragma once

#include <optional>

#include "core/tensor.hpp"
#include "ops/window.hpp"

namespace vitrine {

enum class Interpolation { kNearest, kBilinear, kBicubic };

struct InterpolateOptions {
  Interpolation mode = Interpolation::kBilinear;
  bool align_corners = false;  ///< corner pixels fall on corner pixels; not for kNearest
  bool antialias = false;      ///< wider kernels when shrinking; not for kNearest
  /// New pixels per old one, if it is not the quotient of the sizes (PyTorch's scale_factor).
  std::optional<double> scale_h{}, scale_w{};
};

/// Images of another size, as PyTorch's interpolate has them: pixel i of the result lies at
/// s (i + 1/2) - 1/2 of x, with s = old / new size (or at i (old - 1) / (new - 1) with
/// align_corners). Bicubic is Keys' kernel with a = -0.75, or -0.5 with antialias; there the
/// weights at the borders are normalised, elsewhere border pixels are repeated.
///   x       (B, H, W, C)
///   size    of the result, from 1 to 2^20 along each axis, as the images must have
///   returns (B, h, w, C); differentiable
/// Error: below 1e-6 times the largest |x|. Throws ShapeError, and UsageError for options
/// that do not go together.
/// Source: Keys 1981, Cubic convolution interpolation for digital image processing.
Tensor interpolate(const Tensor& x, Size2d size, const InterpolateOptions& options = {});

}  // namespace vitrine
