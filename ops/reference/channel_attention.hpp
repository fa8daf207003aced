#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace vitrine::reference {

/// The means of one image's channels: x (pixels, C) -> z (C).
template <class T>
std::vector<T> channel_means(int64_t pixels, int64_t channels, const T* x) {
  std::vector<T> z(static_cast<size_t>(channels));
  for (int64_t c = 0; c < channels; ++c) {
    T sum = 0;
    for (int64_t p = 0; p < pixels; ++p) sum += x[p * channels + c];
    z[static_cast<size_t>(c)] = sum / static_cast<T>(pixels);
  }
  return z;
}

template <class T>
void gate_channels(int64_t pixels, int64_t channels, const T* x, const std::vector<T>& logits,
                   T* y) {
  for (int64_t i = 0; i < pixels * channels; ++i) {
    y[i] = x[i] / (1 + std::exp(-logits[static_cast<size_t>(i % channels)]));
  }
}

/// squeeze_excitation of one image, as textbook loops: x, y (pixels, C), fc1 (R, C), fc2 (C, R).
/// The proof that the composed operations are right.
template <class T>
void squeeze_excitation(int64_t pixels, int64_t channels, int64_t reduced, const T* x, const T* fc1,
                        const T* fc1_bias, const T* fc2, const T* fc2_bias, T* y) {
  const std::vector<T> z = channel_means(pixels, channels, x);
  std::vector<T> logits(fc2_bias, fc2_bias + channels);
  for (int64_t r = 0; r < reduced; ++r) {
    T sum = fc1_bias[r];
    for (int64_t c = 0; c < channels; ++c) sum += fc1[r * channels + c] * z[static_cast<size_t>(c)];
    if (sum <= 0) continue;
    for (int64_t c = 0; c < channels; ++c)
      logits[static_cast<size_t>(c)] += fc2[c * reduced + r] * sum;
  }
  gate_channels(pixels, channels, x, logits, y);
}

/// efficient_channel_attention of one image, likewise: kernel (k).
template <class T>
void efficient_channel_attention(int64_t pixels, int64_t channels, int64_t k, const T* x,
                                 const T* kernel, T* y) {
  const std::vector<T> z = channel_means(pixels, channels, x);
  std::vector<T> logits(static_cast<size_t>(channels), T{0});
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < k; ++i) {
      const int64_t at = c + i - k / 2;
      if (at < 0 || at >= channels) continue;
      logits[static_cast<size_t>(c)] += kernel[i] * z[static_cast<size_t>(at)];
    }
  }
  gate_channels(pixels, channels, x, logits, y);
}

}  // namespace vitrine::reference
