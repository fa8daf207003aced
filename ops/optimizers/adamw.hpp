#pragma once

#include <cstdint>
#include <span>

#include "core/tensor.hpp"
#include "ops/optimizers/update_extras.hpp"

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

/// One of the parameters of a step: tensors of one shape, and its own learning rate and decay.
struct AdamWItem {
  Tensor* param;
  const Tensor* grad;
  Tensor* m;  ///< as v, zeros before the first step
  Tensor* v;
  Tensor* average;  ///< moving average of param, or null
  double lr;
  double weight_decay;
};

/// One step of AdamW for many tensors in place, one parallel pass over the memory, with g = grad:
///   param = (1 - lr weight_decay) param
///   m = beta1 m + (1 - beta1) g            v = beta2 v + (1 - beta2) g^2
///   param = param - lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps)
///   step  1 for the first step
/// lr and weight_decay of the options are not used. The bits are those of clip_grad_norm, adamw_
/// and ema_ one after the other. Not recorded by a tape. Throws ShapeError, and UsageError for
/// a step below 1 and if a live tape needs one of the tensors.
/// Source: Loshchilov, Hutter 2019, arXiv 1711.05101; details as in torch.optim.AdamW.
void adamw_(std::span<const AdamWItem> items, const AdamWOptions& options, int64_t step,
            const UpdateExtras& extras = {});

/// One step of AdamW for one tensor, with lr and weight_decay of the options.
void adamw_(Tensor& param, const Tensor& grad, Tensor& m, Tensor& v, const AdamWOptions& options,
            int64_t step);

}  // namespace vitrine
