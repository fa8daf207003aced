#include "ops/gemm_packed.hpp"

#include <algorithm>
#include <vector>

#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gemm.hpp"

namespace vitrine {
namespace {

int64_t panels_of(int64_t n, int64_t nr) { return (n + nr - 1) / nr; }

/// What lies in the opaque slot of a storage: several tensors may share one (rows of a fused
/// weight).
struct PackedContent {
  struct Entry {
    int64_t offset;  // of the tensor's first float
    std::shared_ptr<const PackedMatrix> matrix;
  };
  std::vector<Entry> entries;
};

}  // namespace

PackedMatrix::PackedMatrix(int64_t k, int64_t n, const StridedMatrix& b)
    : isa_(active_isa()), k_(k), n_(n) {
  const kernels::Gemm& kernel = *kernels::of(isa_).gemm;
  const int64_t panels = panels_of(n, kernel.nr);
  panels_ = scratch_floats(k * panels * kernel.nr);
  // These panels stay. The pool gets a block for the one they may have taken from the activations,
  // so that the second forward pass finds as many as the first.
  const Buffer spare = scratch_floats(k * panels * kernel.nr);
  const BlocksOfK blocks(k, kernel.kc);
  parallel_for(blocks.count * panels, 1, [&](int64_t begin, int64_t) {
    const int64_t block = begin / panels;
    const int64_t p = begin % panels;
    const StridedMatrix from = b.at(blocks.begin(block), p * kernel.nr);
    kernel.pack(std::min(kernel.nr, n - p * kernel.nr), blocks.size(block), from.data,
                from.column_stride, from.row_stride, kernel.nr,
                panels_.floats() + offset(block, p));
  });
}

int64_t PackedMatrix::offset(int64_t block, int64_t panel) const {
  const kernels::Gemm& kernel = *kernels::of(isa_).gemm;
  const BlocksOfK blocks(k_, kernel.kc);
  return (blocks.begin(block) * panels_of(n_, kernel.nr) + panel * blocks.size(block)) * kernel.nr;
}

std::shared_ptr<const PackedMatrix> packed_weight(const Tensor& weight) {
  Storage& storage = weight.storage();
  if (!storage.frozen() || weight.numel() == 0) return nullptr;
  const int64_t n = weight.dim(0);
  const int64_t k = weight.numel() / n;
  const int64_t offset = weight.data() - storage.data();
  const auto content = std::static_pointer_cast<const PackedContent>(storage.packed());
  if (content != nullptr) {
    for (const auto& [at, matrix] : content->entries) {
      if (at == offset && matrix->n() == n && matrix->k() == k && matrix->isa() == active_isa()) {
        return matrix;
      }
    }
  }
  // Two threads may both come here; the later one wins, and both matrices are right.
  auto matrix =
      std::make_shared<const PackedMatrix>(k, n, StridedMatrix::of(Trans::kYes, weight.data(), k));
  auto more = content == nullptr ? std::make_shared<PackedContent>()
                                 : std::make_shared<PackedContent>(*content);
  more->entries.push_back({offset, matrix});
  storage.set_packed(std::move(more));
  return matrix;
}

}  // namespace vitrine
