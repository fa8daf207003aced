#pragma once

#include <cstdint>

namespace vitrine::reference {

/// Step is kernels::SgdStep or like it.
template <class T, class Step>
void sgd_update(int64_t n, const Step& step, const T* grad, T* param, T* buffer, T* average) {
  for (int64_t i = 0; i < n; ++i) {
    T direction = step.grad_scale * grad[i] + step.weight_decay * param[i];
    if (buffer != nullptr) {
      const T g = direction;
      buffer[i] = step.momentum * buffer[i] + g;
      direction = step.nesterov ? g + step.momentum * buffer[i] : buffer[i];
    }
    param[i] -= step.lr * direction;
    if (average != nullptr) {
      average[i] = step.ema_decay * average[i] + step.ema_gain * param[i];
    }
  }
}

}  // namespace vitrine::reference
