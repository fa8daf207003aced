#pragma once

#include <cstdint>
#include <span>

#include "ops/gemm/gemm_packed.hpp"
#include "ops/gemm/image_rows.hpp"
#include "ops/kernels/gemm.hpp"

namespace vitrine {

// Matrix products on raw float arrays, for operations that are built on them (linear, matmul,
// conv2d): C = epilogue(op(A) op(B)), row-major, on all threads. The bits of the result depend on
// the ISA and on k alone, not on the number of threads nor on how a product is cut along m or n.
// C may not overlap A or B. Any of m, n, k may be 0. Nothing is checked.

/// op(A) (m, k) and op(B) (k, n) as `a` and `b` say; lda, ldb, ldc are the row pitches in memory
/// (of the matrix as it lies there, so A is (k, m) there if a is kYes).
void gemm(Trans a, Trans b, int64_t m, int64_t n, int64_t k, const float* a_data, int64_t lda,
          const float* b_data, int64_t ldb, float* c, int64_t ldc,
          const GemmEpilogue& epilogue = {});

/// C = epilogue(op(A) B) with B packed before, for the active ISA. If B's kernel takes words of two
/// numbers of bf16 for floats, A has such too, and k counts words.
void gemm(Trans a, int64_t m, const float* a_data, int64_t lda, const PackedMatrix& b, float* c,
          int64_t ldc, const GemmEpilogue& epilogue = {});

/// C = epilogue(A op(B)) with A gathered from images: B is (k, n) as `b` says, or packed before.
void gemm(const ImageRows& a, Trans b, int64_t n, const float* b_data, int64_t ldb, float* c,
          int64_t ldc, const GemmEpilogue& epilogue = {});
void gemm(const ImageRows& a, const PackedMatrix& b, float* c, int64_t ldc,
          const GemmEpilogue& epilogue = {});

/// Where the matrices of a batch begin: item (i0, i1, ...) of A at a_data + sum of i_x * axis[x].a.
/// A stride of 0 uses one matrix for all, in A and B.
struct GemmBatchAxis {
  int64_t size;
  int64_t a, b, c;  ///< floats from one item to the next
};

/// One product per item of the batch, in one parallel region if they are small. The epilogue's
/// pointers are the same for all items, so it may hold alpha, accumulate, activation, bias, scale.
void gemm_batched(std::span<const GemmBatchAxis> batch, Trans a, Trans b, int64_t m, int64_t n,
                  int64_t k, const float* a_data, int64_t lda, const float* b_data, int64_t ldb,
                  float* c, int64_t ldc, const GemmEpilogue& epilogue = {});

}  // namespace vitrine
