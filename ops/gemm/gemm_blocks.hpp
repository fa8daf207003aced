#pragma once

#include <cstdint>

#include "ops/gemm/gemm_cuts.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/kernels/gemm.hpp"

// What the loops of ops/gemm/gemm.cpp and ops/gemm/gemm_batched.cpp are made of: packing a tile of
// A or a panel of B, and multiplying a chunk of A with a panel of B.

namespace vitrine::detail {

/// Room for one panel of B, in floats.
inline int64_t panel_floats(const kernels::Gemm& kernel, const BlocksOfK& blocks) {
  return ceil_div(blocks.longest() * kernel.nr, kSlack) * kSlack;
}

/// Packs (or gathers) tile `tile` of chunk `chunk` over [k_begin, k_begin + k); `to` is the chunk's
/// place.
void pack_tile(const kernels::Gemm& kernel, const GemmProblem& p, const RowCuts& cuts,
               int64_t chunk, int64_t tile, int64_t k_begin, int64_t k, float* to);

/// Packs panel `panel` of B over [k_begin, k_begin + k).
void pack_panel(const kernels::Gemm& kernel, const GemmProblem& p, int64_t panel, int64_t k_begin,
                int64_t k, float* to);

/// What pack_panel will read, for a panel that is packed next; nothing if that is scattered.
kernels::GemmAhead ahead_of_packing(const kernels::Gemm& kernel, const GemmProblem& p,
                                    int64_t panel, int64_t k_begin, int64_t k);

/// The part of C that a chunk of packed A and a panel of packed B give.
void multiply(const kernels::Gemm& kernel, const GemmProblem& p, const RowCuts& cuts, int64_t chunk,
              const float* a, const float* b, const kernels::GemmAhead& ahead, int64_t panel,
              const BlocksOfK& blocks, int64_t block);

}  // namespace vitrine::detail
