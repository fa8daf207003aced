#pragma once

#include <cstdint>

#include "ops/gemm/image_rows.hpp"
#include "ops/gemm/int8_matrix.hpp"
#include "ops/kernels/gemm.hpp"

namespace vitrine {

// C = epilogue(A B), A in f32 and quantised on the way, B in int8: the arithmetic of
// ops/gemm/int8.md. A row's bits depend on what shares its scale alone: the row itself, or for a
// convolution its picture; not on the other rows, nor on threads.

/// A (m, k) with a row pitch; one scale and zero per row.
void gemm_int8(int64_t m, const float* a, int64_t lda, const Int8Matrix& b, float* c, int64_t ldc,
               const GemmEpilogue& epilogue);

/// A gathered from images; one scale and zero per image.
void gemm_int8(const ImageRows& a, const Int8Matrix& b, float* c, int64_t ldc,
               const GemmEpilogue& epilogue);

}  // namespace vitrine
