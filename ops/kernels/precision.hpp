#pragma once

namespace vitrine {

/// What the numbers of a weight are kept in.
enum class Precision {
  kFloat32,
  kBfloat16,  ///< f32 without its last 16 bits, rounded to nearest; sums are in f32
  kInt8,  ///< one scale per output; products with it take activations to 8 bits: ops/gemm/int8.md
};

}  // namespace vitrine
