#pragma once

#include <cstdint>

namespace vitrine::reference {

/// average = decay average + gain value, gain = 1 - decay
template <class T>
void ema_update(int64_t n, T decay, T gain, const T* value, T* average) {
  for (int64_t i = 0; i < n; ++i) average[i] = decay * average[i] + gain * value[i];
}

}  // namespace vitrine::reference
