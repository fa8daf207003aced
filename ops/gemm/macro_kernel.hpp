#pragma once

#include <cstdint>

#include "ops/gemm/gemm_blocking.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/kernels/gemm.hpp"

// What the loops of ops/gemm/gemm.cpp and ops/gemm/gemm_batched.cpp are made of: packing a
// micro-panel of A or B, and the macro-kernel's inner loop.

namespace vitrine::detail {

/// Room for one micro-panel of B, in floats.
inline int64_t panel_floats(const kernels::Gemm& kernel, const BlocksOfK& ks) {
  return ceil_div(ks.longest() * kernel.nr, kSlack) * kSlack;
}

/// Packs (or gathers) micro-panel `ir` of block `ic` of A over [k_begin, k_begin + k); `to` is the
/// block's place.
void pack_a(const kernels::Gemm& kernel, const GemmProblem& p, const BlocksOfM& ms, int64_t ic,
            int64_t ir, int64_t k_begin, int64_t k, float* to);

/// Packs micro-panel `jr` of B over [k_begin, k_begin + k).
void pack_b(const kernels::Gemm& kernel, const GemmProblem& p, int64_t jr, int64_t k_begin,
            int64_t k, float* to);

/// What pack_b will read, for a micro-panel that is packed next; nothing if that is scattered.
kernels::GemmAhead ahead_of_packing(const kernels::Gemm& kernel, const GemmProblem& p, int64_t jr,
                                    int64_t k_begin, int64_t k);

/// The part of C that block `ic` of A (MC x KC) and micro-panel `jr` of B (KC x NR) give, over
/// block `pc` of K: BLIS's first loop around the micro-kernel.
void multiply(const kernels::Gemm& kernel, const GemmProblem& p, const BlocksOfM& ms, int64_t ic,
              const float* a, const float* b, const kernels::GemmAhead& ahead, int64_t jr,
              const BlocksOfK& ks, int64_t pc);

}  // namespace vitrine::detail
