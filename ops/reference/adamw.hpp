#pragma once

#include <cmath>
#include <cstdint>

namespace vitrine::reference {

/// With the bias corrections c1 = 1 - beta1^step and c2 = 1 - beta2^step inside of rate and
/// root_scale; Step is kernels::AdamWStep or like it:
///   param = param - lr / c1 m / (sqrt(v / c2) + eps)
template <class T, class Step>
void adamw_update(int64_t n, const Step& step, const T* grad, T* param, T* m, T* v, T* average) {
  for (int64_t i = 0; i < n; ++i) {
    const T g = step.grad_scale * grad[i] + step.l2 * param[i];
    m[i] += step.gain1 * (g - m[i]);
    v[i] = step.beta2 * v[i] + step.gain2 * g * g;
    const T root = std::sqrt(v[i]) * step.root_scale;
    param[i] = step.keep * param[i] - step.rate * m[i] / (root + step.eps);
    if (average != nullptr) {
      average[i] = step.ema_decay * average[i] + step.ema_gain * param[i];
    }
  }
}

}  // namespace vitrine::reference
