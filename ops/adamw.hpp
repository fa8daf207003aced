#pragma once

#include <cstdint>

#include "core/tensor.hpp"

namespace vitrine {

/// How weight decay enters.
enum class WeightDecay {
  kDecoupled,  ///< param shrinks by 1 - lr weight_decay: AdamW
  kL2,         ///< weight_decay param is added to the gradient: Adam
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
  WeightDecay kind = WeightDecay::kDecoupled;
};

/// One step of AdamW in place, one pass over the memory, with g = grad:
///   param = (1 - lr weight_decay) param
///   m = beta1 m + (1 - beta1) g            v = beta2 v + (1 - beta2) g^2
///   param = param - lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps)
///   param, grad, m, v  of one shape; m and v start as zeros
///   step               1 for the first step
/// Not recorded by a tape. Throws ShapeError, also if a live tape needs one of the tensors.
/// Source: Loshchilov, Hutter 2019, arXiv 1711.05101; details as in torch.optim.AdamW.
void adamw_(Tensor& param, const Tensor& grad, Tensor& m, Tensor& v, const AdamWOptions& options,
            int64_t step);

}  // namespace vitrine
