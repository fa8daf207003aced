#pragma once

#include <memory>

#include "ops/gemm/gemm_packed.hpp"

namespace vitrine {

/// A weight in bf16 for an ISA that multiplies such numbers itself (kernels::Kernels::gemm_bf16):
/// activations are rounded to bf16 too, on the way into each product; products are exact, sums in
/// f32. Numbers below 2^-126 count as 0.
class Bf16Matrix final : public PackedWeight {
 public:
  /// `rows` is (n, k); rounded to nearest, ties to even.
  Bf16Matrix(int64_t n, int64_t k, const float* rows);

  void multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc,
                const GemmEpilogue& epilogue) const override;
  void multiply(const ImageRows& a, float* c, int64_t ldc,
                const GemmEpilogue& epilogue) const override;
  void unpack_transposed(float* to) const override;
  std::shared_ptr<const PackedWeight> for_active_isa() const override;

 private:
  /// Write(first, count, to, pitch) writes rows of A in bf16.
  template <class Write>
  void multiply_in_pieces(int64_t m, float* c, int64_t ldc, const GemmEpilogue& epilogue,
                          const Write& write) const;

  std::unique_ptr<const PackedMatrix> words_;  // (words, n), two numbers in each
};

}  // namespace vitrine
