#pragma once

#include "core/tensor.hpp"

namespace vitrine {

struct BatchNormOptions {
  bool training = false;  ///< statistics of this batch; else the running ones
  float momentum = 0.1F;  ///< running = (1 - momentum) running + momentum batch
  float eps = 1e-5F;      ///< added to the variance
  bool relu = false;      ///< max(0, .) as the last step
};

/// Batch normalisation: y = (x - mean) / sqrt(var + eps) * gamma + beta, per channel.
///   x       (..., C), channels last
///   gamma   (C), and beta (C); either may be undefined for 1 or 0
///   running_mean, running_var (C). In training mean and biased variance are those of x, over all
///           axes but the last; the running ones, which may be undefined, are updated in place,
///           with the unbiased variance. In evaluation they are the statistics
///   residual as x, or undefined: added before the ReLU, at the end of a residual block
///   returns (..., C); differentiable in x, gamma, beta and residual, in both modes
/// Error: below 4e-6 (1 + |mean| / deviation) relative to the channel's largest |y|. Throws
/// ShapeError; in training also if there is only one number per channel.
/// Source: Ioffe, Szegedy 2015, arXiv 1502.03167, algorithms 1 and 2.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, Tensor& running_mean,
                  Tensor& running_var, const BatchNormOptions& options = {},
                  const Tensor& residual = {});

/// A convolution with the batch norm behind it as one convolution.
struct FoldedBatchNorm {
  Tensor weight;  ///< (O, ...): weight gamma / sqrt(var + eps)
  Tensor bias;    ///< (O): (bias - mean) gamma / sqrt(var + eps) + beta
};
/// Folds evaluation's batch norm into the convolution (or linear map) before it, whose weight is
/// (O, ...) and whose bias (O) may be undefined, as gamma and beta may. Not recorded. Throws
/// ShapeError.
FoldedBatchNorm fold_batch_norm(const Tensor& weight, const Tensor& bias, const Tensor& gamma,
                                const Tensor& beta, const Tensor& running_mean,
                                const Tensor& running_var, float eps);

}  // namespace vitrine
