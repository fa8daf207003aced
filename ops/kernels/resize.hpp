#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// Bits behind the binary point of a resize weight: products with 8-bit pixels and a sum of
/// absolute weights below 2 fit 32 bits.
inline constexpr int kResizeBits = 22;

/// Kernels of ops/images/resize.
struct Resize {
  /// A weighted sum of `taps` rows, `pitch` bytes apart, for n bytes of each:
  ///   to[i] = clip((half + sum over t of weights[t] from[t pitch + i]) >> kResizeBits, 0, 255)
  /// half = 1 << (kResizeBits - 1). Integers: the same bits on every ISA. `to` overlaps nothing.
  void (*blend_rows)(int64_t n, int64_t taps, const int32_t* weights, const uint8_t* from,
                     int64_t pitch, uint8_t* to);
};

}  // namespace vitrine::kernels
