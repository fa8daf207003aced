// The five loops around the micro-kernel, as BLIS has them: which parts of A and B are packed when,
// and which thread does what.
//
//   jc  for columns of B, NC at a time:            (all at once if B was packed before)
//   pc    for blocks of K, KC:
//   ic      for rows of A, as many MC as there are threads:
//             pack B's micro-panels (first time) and A's   parallel over micro-panels
//                                                          (A stays where it is if its rows lie in
//                                                          memory whole, or its columns do and are
//                                                          near, and then ic is one round; images'
//                                                          rows are gathered)
//   jr        for micro-panels of B, NR:                   parallel over (block of A, jr)
//   ir          for micro-panels of A, MR: micro-kernel    kernels::Gemm::multiply
//
// A block of A stays in L2 while the micro-panels of B pass by. The cuts of K decide the bits and
// come from the ISA; all others are only about speed.
// Source: Van Zee, van de Geijn 2015, BLIS, figure 1.
//
// Gains that are stated below are those of the strategy against leaving it out, best of interleaved
// rounds of `vitrine bench gemm`, on an AMD EPYC of family 26 (Zen 5; 48 KiB of L1, 1 MiB of L2 per
// core), with AVX-512 and with AVX2.

#include "ops/gemm/gemm.hpp"

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/gemm/gemm_blocking.hpp"
#include "ops/gemm/macro_kernel.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine {
namespace {

using namespace detail;
using kernels::Gemm;
using kernels::GemmAhead;

// NC x KC, the macro-panel of B that is packed at once, in floats: 16 MB, to stay in L3 where there
// is a large one, and to bound the scratch memory.
constexpr int64_t kMacroPanel = 1 << 22;
// Floats to pack that take some microseconds, as a task should.
constexpr int64_t kPackFloats = 1 << 14;

// Up to so many blocks of A, a thread packs a micro-panel of B just before it multiplies it with
// all of them, and the micro-panel never leaves its cache. With more, all of the macro-panel is
// packed before. For few rows and a weight that changes: 197x768x768 and 197x3072x768 are 15 to
// 23 % faster with AVX-512, 6 % with AVX2, at one thread and at two.
constexpr int64_t kFewBlocks = 2;
// That number where B is no smaller than A, and the threads' shares of its micro-panels are equal:
// for this, rows no longer keep to their thread. For squares and gradients: 512x512x768 at one
// thread 7 % with AVX-512, with AVX2 as fast as without.
constexpr int64_t kSomeBlocks = 16;

int64_t most_blocks_inside(const GemmProblem& p, int64_t panels) {
  return p.n >= p.m && equal_shares(panels) ? kSomeBlocks : kFewBlocks;
}

/// Packing and the macro-kernel of one round of the three outer loops: micro-panels
/// [first, first + panels) of B, block `pc` of K, the rows of `ms`.
struct MacroKernel {
  const Gemm& kernel;
  const GemmProblem& p;
  const BlocksOfM& ms;
  const BlocksOfK& ks;
  int64_t pc;
  int64_t first, panels;
  bool packs_inside;  // B micro-panel by micro-panel, in loop jr; `b` holds one per worker
  float* a;
  float* b;  // unused if B was packed before

  /// Where a block of A is packed or gathered; null if it stays where it is.
  float* block_of_a(int64_t ic) const { return a == nullptr ? a : a + ic * ms.block_stride; }

  /// A's micro-panels, and B's if `all_b`.
  void pack(bool all_b) const {
    const int64_t k = ks.size(pc);
    if (k == 0) return;
    const int64_t k_begin = ks.begin(pc);
    // A unit is a micro-panel of B, or as many of A as make about the same work.
    const int64_t group = std::max<int64_t>(kernel.nr / kernel.mr, 1);
    const int64_t a_panels = p.a_in_place() ? 0 : ms.count * ms.panels;
    const int64_t b_units = all_b ? panels : 0;
    const int64_t units = b_units + ceil_div(a_panels, group);
    const int64_t grain = std::max<int64_t>(kPackFloats / (k * kernel.nr), 1);
    parallel_for(units, grain, [&](int64_t begin, int64_t end) {
      for (int64_t u = begin; u < end; ++u) {
        if (u < b_units) {
          pack_b(kernel, p, first + u, k_begin, k, b + u * kernel.nr * k);
          continue;
        }
        const int64_t begin_panel = (u - b_units) * group;
        for (int64_t i = begin_panel; i < std::min(begin_panel + group, a_panels); ++i) {
          const int64_t ic = i / ms.panels;
          pack_a(kernel, p, ms, ic, i % ms.panels, k_begin, k, block_of_a(ic));
        }
      }
    });
  }

  /// Micro-panel `jr` of B: packed before (and widened now from bf16), or in the scratch, or packed
  /// now.
  const float* packed_b(int64_t jr, int worker) const {
    const int64_t k = ks.size(pc);
    if (p.widens()) {
      float* to = b + worker * panel_floats(kernel, ks);
      kernel.widen(k * kernel.nr, p.packed->narrow_panel(pc, first + jr), to);
      return to;
    }
    if (p.packed != nullptr) return p.packed->panel(pc, first + jr);
    if (!packs_inside) return b + jr * kernel.nr * k;
    float* to = b + worker * panel_floats(kernel, ks);
    if (k > 0) pack_b(kernel, p, first + jr, ks.begin(pc), k, to);
    return to;
  }

  /// The micro-panel that this thread will probably multiply after `jr`.
  GemmAhead panel_after(int64_t jr) const {
    const int64_t k = ks.size(pc);
    const int64_t next = jr + 1;
    if (next >= panels) return {};
    const int64_t floats = kernel.nr * k;
    if (p.widens()) {
      const uint16_t* narrow = p.packed->narrow_panel(pc, first + next);
      return {reinterpret_cast<const float*>(narrow), floats / 2};
    }
    if (p.packed != nullptr) return {p.packed->panel(pc, first + next), floats};
    if (!packs_inside) return {b + next * floats, floats};
    return ahead_of_packing(kernel, p, first + next, ks.begin(pc), k);
  }

  /// What will probably be read after this: the next micro-panel of B. With the first one of a
  /// block of A it is the block itself, a tile ahead of its use: rows that another thread has
  /// written, or that L2 has lost, come too late otherwise. (56 x 56 pixels of 256 channels to 64,
  /// at one thread: 22 % faster with AVX-512, 15 % with AVX2.)
  GemmAhead ahead(int64_t ic, int64_t jr) const {
    const bool whole = p.images == nullptr && p.a.column_stride == 1 && p.a.row_stride == p.k;
    const int64_t rows = ms.size(ic) - kernel.mr;
    const bool in_l2 =
        threads() == 1 && p.m * p.k * static_cast<int64_t>(sizeof(float)) <= l2_bytes() / 2;
    if (in_l2 || jr > 0 || rows <= 0 || !whole || ks.count > 1) return panel_after(jr);
    return {p.a.at(ms.first + ms.begin(ic) + kernel.mr, 0).data, rows * p.k};
  }

  void run() const {
    const int64_t together = packs_inside ? ms.count : 1;  // blocks of A that one task multiplies
    const int64_t macs = ms.size(0) * together * kernel.nr * ks.size(pc);
    const int64_t grain = std::max<int64_t>(kTaskMacs / std::max<int64_t>(macs, 1), 1);
    parallel_chunks(
        ms.count / together * panels, grain, [&](int64_t, int64_t begin, int64_t end, int worker) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t jr = i % panels;
            const float* from = packed_b(jr, worker);
            const int64_t blocks = i / panels * together;
            for (int64_t ic = blocks; ic < blocks + together; ++ic) {
              multiply(kernel, p, ms, ic, block_of_a(ic), from, ahead(ic, jr), first + jr, ks, pc);
            }
          }
        });
  }
};

/// Rows of A that are gathered or packed before they are multiplied: they should still be in L2
/// then.
int64_t rows_at_once(const Gemm& kernel, const GemmProblem& p, int64_t mc) {
  if (p.a_in_place()) return p.m;
  return std::min(threads() * ceil_div(mc, kernel.mr) * kernel.mr, p.m);
}

void run(const Gemm& kernel, const GemmProblem& p) {
  if (p.m <= 0 || p.n <= 0) return;
  profile_macs(p.m * p.n * p.k);
  const BlocksOfK ks(p.k, kernel);
  const int64_t k = std::max<int64_t>(ks.longest(), 1);
  const int64_t all_panels = kernel.panels(p.n);
  const int64_t mc = mc_of(kernel, p.m, k, all_panels);
  const int64_t some_rows = rows_at_once(kernel, p, mc);
  const BlocksOfM largest(kernel, p, 0, some_rows, k, mc);
  const bool packs_inside = (p.packed == nullptr || p.widens()) && some_rows == p.m &&
                            largest.count <= most_blocks_inside(p, all_panels);

  int64_t some_panels = all_panels;
  int64_t b_floats = 0;
  if (packs_inside || p.widens()) {
    b_floats = threads() * panel_floats(kernel, ks);
  } else if (p.packed == nullptr) {
    some_panels = std::clamp<int64_t>(kMacroPanel / (k * kernel.nr), 1, all_panels);
    b_floats = some_panels * kernel.nr * k;
  }
  const Buffer a = scratch_floats(p.a_in_place() ? 0 : largest.floats());
  const Buffer b = scratch_floats(b_floats);
  for (int64_t jc = 0; jc < all_panels; jc += some_panels) {
    const int64_t panels = std::min(some_panels, all_panels - jc);
    for (int64_t pc = 0; pc < ks.count; ++pc) {
      for (int64_t row = 0; row < p.m; row += some_rows) {
        const BlocksOfM ms(kernel, p, row, std::min(row + some_rows, p.m), k, mc);
        const MacroKernel macro{kernel, p,      ms,           ks,         pc,
                                jc,     panels, packs_inside, a.floats(), b.floats()};
        macro.pack(p.packed == nullptr && !packs_inside && row == 0);
        macro.run();
      }
    }
  }
}

/// Whether C^T = B^T A^T, whose bits are the same, takes less time than C = A B: of an A and B
/// whose columns, and rows, lie whole, B is the narrow one. It then is multiplied where it lies,
/// and A is packed in whole vectors instead of tiles. For gradients of weights, dW = dY^T X, with a
/// narrow X: 768x192x3152 is 10 to 13 % faster with AVX-512, 3 to 6 % with AVX2.
bool better_transposed(const GemmProblem& p) {
  return p.a.row_stride == 1 && p.b.column_stride == 1 && p.m > p.n && p.n <= kNearColumns &&
         p.epilogue.is_none();
}

void run_transposed(const Gemm& kernel, const GemmProblem& p) {
  const Buffer buffer = scratch_floats(p.m * p.n);
  const auto transposed = [](const StridedMatrix& x) {
    return StridedMatrix{x.data, x.column_stride, x.row_stride};
  };
  run(kernel, {p.n, p.m, p.k, transposed(p.b), transposed(p.a), nullptr, buffer.floats(), p.m, {}});
  parallel_for(p.m, kTaskRows, [&](int64_t begin, int64_t end) {
    kernel.transpose(p.n, end - begin, buffer.floats() + begin, p.m, p.c + begin * p.ldc, p.ldc);
  });
}

GemmProblem problem_of(const ImageRows& a, int64_t n, const StridedMatrix& b,
                       const PackedMatrix* packed, float* c, int64_t ldc,
                       const GemmEpilogue& epilogue) {
  GemmProblem p{a.m(), n, a.k(), {a.data, a.pitch, 1}, b, packed, c, ldc, epilogue};
  if (!a.in_place()) p.images = &a;
  return p;
}

}  // namespace

void gemm(Trans a, Trans b, int64_t m, int64_t n, int64_t k, const float* a_data, int64_t lda,
          const float* b_data, int64_t ldb, float* c, int64_t ldc, const GemmEpilogue& epilogue) {
  const Gemm& kernel = *kernels::active().gemm;
  const StridedMatrix from_a = StridedMatrix::of(a, a_data, lda);
  const StridedMatrix from_b = StridedMatrix::of(b, b_data, ldb);
  const GemmProblem p{m, n, k, from_a, from_b, nullptr, c, ldc, epilogue};
  better_transposed(p) ? run_transposed(kernel, p) : run(kernel, p);
}

void gemm(Trans a, int64_t m, const float* a_data, int64_t lda, const PackedMatrix& b, float* c,
          int64_t ldc, const GemmEpilogue& epilogue) {
  run(b.kernel(), {m, b.n(), b.k(), StridedMatrix::of(a, a_data, lda), {}, &b, c, ldc, epilogue});
}

void gemm(const ImageRows& a, Trans b, int64_t n, const float* b_data, int64_t ldb, float* c,
          int64_t ldc, const GemmEpilogue& epilogue) {
  run(*kernels::active().gemm,
      problem_of(a, n, StridedMatrix::of(b, b_data, ldb), nullptr, c, ldc, epilogue));
}

void gemm(const ImageRows& a, const PackedMatrix& b, float* c, int64_t ldc,
          const GemmEpilogue& epilogue) {
  run(b.kernel(), problem_of(a, b.n(), {}, &b, c, ldc, epilogue));
}

}  // namespace vitrine
