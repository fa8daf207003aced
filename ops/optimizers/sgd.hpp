#pragma once

#include <span>

#include "core/tensor.hpp"
#include "ops/optimizers/update_extras.hpp"

namespace vitrine {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0.0;
  double weight_decay = 0.0;  ///< L2: weight_decay param is added to the gradient
  bool nesterov = false;      ///< wants momentum > 0
};

/// One of the parameters of a step: tensors of one shape, and its own learning rate and decay.
struct SgdItem {
  Tensor* param;
  const Tensor* grad;
  Tensor* buffer;   ///< zeros before the first step; may be undefined if momentum is 0
  Tensor* average;  ///< moving average of param, or null
  double lr;
  double weight_decay;
};

/// One step of stochastic gradient descent for many tensors in place, one parallel pass over the
/// memory:
///   g = grad + weight_decay param
///   buffer = momentum buffer + g           (the first step makes it g)
///   param = param - lr (nesterov ? g + momentum buffer : buffer)
/// lr and weight_decay of the options are not used. The bits are those of clip_grad_norm, sgd_ and
/// ema_ one after the other. Not recorded by a tape. Throws ShapeError, and UsageError for
/// nesterov without momentum and if a live tape needs one of the tensors.
/// Source: Sutskever et al. 2013, ICML 28(3); details as in torch.optim.SGD.
void sgd_(std::span<const SgdItem> items, const SgdOptions& options,
          const UpdateExtras& extras = {});

/// One step of stochastic gradient descent for one tensor, with lr and weight_decay of the options.
void sgd_(Tensor& param, const Tensor& grad, Tensor& buffer, const SgdOptions& options);

}  // namespace vitrine
