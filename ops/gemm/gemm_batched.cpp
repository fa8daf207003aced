// Batches of products, in one parallel region: a task is a block of A, MC rows of one item.

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/gemm/gemm.hpp"
#include "ops/gemm/gemm_blocking.hpp"
#include "ops/gemm/macro_kernel.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine {
namespace {

using namespace detail;
using kernels::Gemm;

/// A product so large that it is worth its own parallel regions, in multiply-adds.
constexpr int64_t kLargeMacs = 1 << 25;

/// One task of a batch: a block of A times all of B, block by block of K, a micro-panel of B at a
/// time. Meanwhile the operands of `next`, the task after this one, come into L2.
void run_block(const Gemm& kernel, const GemmProblem& p, const BlocksOfM& ms, const BlocksOfK& ks,
               int64_t ic, float* a, float* b, const GemmProblem& next) {
  for (int64_t pc = 0; pc < ks.count; ++pc) {
    const int64_t k = ks.size(pc);
    const int64_t k_begin = ks.begin(pc);
    for (int64_t ir = 0; ir < ms.panels && k > 0 && !p.a_in_place(); ++ir) {
      pack_a(kernel, p, ms, ic, ir, k_begin, k, a);
    }
    const int64_t panels = kernel.panels(p.n);
    for (int64_t jr = 0; jr < panels; ++jr) {
      if (k > 0) pack_b(kernel, p, jr, k_begin, k, b);
      // Even micro-panels fetch A, odd ones B, in equal shares.
      const bool of_a = jr % 2 == 0;
      const int64_t floats = of_a ? p.m * p.k : p.k * p.n;
      const int64_t shares = of_a ? ceil_div(panels, 2) : panels / 2;
      const float* from = (of_a ? next.a.data : next.b.data) + jr / 2 * floats / shares;
      multiply(kernel, p, ms, ic, a, b, {from, ceil_div(floats, shares)}, jr, ks, pc);
    }
  }
}

/// Where the matrices of an item begin; the last axis runs fastest.
GemmBatchAxis offsets_of(std::span<const GemmBatchAxis> batch, int64_t item) {
  GemmBatchAxis sum{1, 0, 0, 0};
  for (size_t x = batch.size(); x-- > 0;) {
    const int64_t i = item % batch[x].size;
    item /= batch[x].size;
    sum.a += i * batch[x].a;
    sum.b += i * batch[x].b;
    sum.c += i * batch[x].c;
  }
  return sum;
}

GemmProblem item_of(const GemmProblem& p, std::span<const GemmBatchAxis> batch, int64_t item) {
  const GemmBatchAxis at = offsets_of(batch, item);
  GemmProblem q = p;
  q.a.data += at.a;
  q.b.data += at.b;
  q.c += at.c;
  return q;
}

void run_batch(const Gemm& kernel, const GemmProblem& p, std::span<const GemmBatchAxis> batch,
               int64_t items) {
  profile_macs(items * p.m * p.n * p.k);
  const BlocksOfK ks(p.k, kernel);
  const int64_t k = std::max<int64_t>(ks.longest(), 1);
  // Every part of an item packs B, so items stay whole where their number is enough.
  const int64_t tasks = equal_shares(items) ? 1 : kTasks;
  const int64_t parts = std::min(ceil_div(tasks, items), ceil_div(p.m, kTaskRows));
  const BlocksOfM ms(kernel, p, 0, p.m, k, std::min(mc_of_l2(kernel, k), ceil_div(p.m, parts)));
  const int64_t worker_floats = ms.block_stride + panel_floats(kernel, ks);
  const Buffer scratch = scratch_floats(threads() * worker_floats);

  const int64_t macs = ms.size(0) * p.n * k;
  parallel_chunks(items * ms.count, std::max<int64_t>(kTaskMacs / macs, 1),
                  [&](int64_t, int64_t begin, int64_t end, int worker) {
                    float* a = scratch.floats() + worker * worker_floats;
                    for (int64_t i = begin; i < end; ++i) {
                      const int64_t item = i / ms.count;
                      const GemmProblem next = item_of(p, batch, std::min(item + 1, items - 1));
                      run_block(kernel, item_of(p, batch, item), ms, ks, i % ms.count, a,
                                a + ms.block_stride, next);
                    }
                  });
}

}  // namespace

void gemm_batched(std::span<const GemmBatchAxis> batch, Trans a, Trans b, int64_t m, int64_t n,
                  int64_t k, const float* a_data, int64_t lda, const float* b_data, int64_t ldb,
                  float* c, int64_t ldc, const GemmEpilogue& epilogue) {
  int64_t items = 1;
  for (const GemmBatchAxis& axis : batch) items *= axis.size;
  if (items == 0 || m <= 0 || n <= 0) return;
  if (items == 1 || m * n * k >= kLargeMacs) {
    for (int64_t i = 0; i < items; ++i) {
      const GemmBatchAxis at = offsets_of(batch, i);
      gemm(a, b, m, n, k, a_data + at.a, lda, b_data + at.b, ldb, c + at.c, ldc, epilogue);
    }
    return;
  }
  run_batch(*kernels::active().gemm,
            {m, n, k, StridedMatrix::of(a, a_data, lda), StridedMatrix::of(b, b_data, ldb), nullptr,
             c, ldc, epilogue},
            batch, items);
}

}  // namespace vitrine
