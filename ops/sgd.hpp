#pragma once

#include "core/tensor.hpp"

namespace vitrine {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0.0;
  double weight_decay = 0.0;  ///< L2: weight_decay param is added to the gradient
  bool nesterov = false;      ///< wants momentum > 0
};

/// One step of stochastic gradient descent in place, one pass over the memory:
///   g = grad + weight_decay param
///   buffer = momentum buffer + g
///   param = param - lr (nesterov ? g + momentum buffer : buffer)
///   param, grad, buffer  of one shape; buffer starts as zeros (the first step makes it g), and may
///                        be undefined if momentum is 0
/// Not recorded by a tape. Throws ShapeError, also if a live tape needs one of the tensors.
/// Source: Sutskever et al. 2013, ICML 28(3); details as in torch.optim.SGD.
void sgd_(Tensor& param, const Tensor& grad, Tensor& buffer, const SgdOptions& options);

}  // namespace vitrine
