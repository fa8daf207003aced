#pragma once

namespace vitrine {

/// What the numbers of a weight are kept in.
enum class Precision {
  kFloat32,
  kInt8,  ///< one scale per output; products with it take activations to 8 bits: ops/gemm/int8.md
};

}  // namespace vitrine
