#pragma once

#include <cstdint>

namespace vitrine::reference {

inline void normalize_pixels(int64_t pixels, int64_t channels, const uint8_t* from,
                             const float* mean, const float* stddev, float* to) {
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      to[c] = (static_cast<float>(from[c]) / 255.0F - mean[c]) / stddev[c];
    }
    from += channels;
    to += channels;
  }
}

}  // namespace vitrine::reference
