#pragma once

#include <cstdint>

namespace vitrine {

/// Which numbers of a head turn together.
enum class RotaryLayout {
  kHalf,         ///< (j, j + hd / 2): DINOv3
  kInterleaved,  ///< (2 j, 2 j + 1): EVA-02, rotary ViTs
};

}  // namespace vitrine

namespace vitrine::kernels {

/// Kernels of ops/rotary_embedding. A vector is head_dim numbers, head_dim / 2 pairs (u, v); y may
/// be x.
struct RotaryEmbedding {
  /// (u, v) -> (u cos_u - v sin_u, v cos_v + u sin_v), or, `back`, what that does to cotangents:
  /// (u cos_u + v sin_v, v cos_v - u sin_u). Vectors are `pitch` floats apart; cosines and sines
  /// (head_dim) `table_pitch` from one vector to the next, 0 for one of all.
  void (*rotate)(RotaryLayout layout, bool back, int64_t vectors, int64_t head_dim, const float* x,
                 int64_t pitch, const float* cos, const float* sin, int64_t table_pitch, float* y);

  /// Adds to dcos and dsin (head_dim) what one vector x whose result has the gradient dy gives.
  void (*table_backward)(RotaryLayout layout, int64_t head_dim, const float* x, const float* dy,
                         float* dcos, float* dsin);
};

}  // namespace vitrine::kernels
