#include "ops/gemm/gemm_packed.hpp"

#include <algorithm>
#include <vector>

#include "core/check.hpp"
#include "core/lasting_memory.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gemm.hpp"

namespace vitrine {
namespace {

/// What lies in the opaque slot of a storage: several tensors may share one (rows of a fused
/// weight).
struct PackedContent {
  struct Entry {
    int64_t offset;                              // of the tensor's first float
    int64_t n, numel;                            // its first size, and all of it
    MatrixOf matrix_of;                          // what is packed of it
    std::shared_ptr<const PackedMatrix> matrix;  // null: was read where it lies, borrowed

    bool is_of(const Tensor& weight, MatrixOf of) const {
      return offset == weight.offset() && n == weight.dim(0) && numel == weight.numel() &&
             of == matrix_of;
    }
  };
  std::vector<Entry> entries;
};

std::shared_ptr<const PackedContent> content_of(const Tensor& weight) {
  return std::static_pointer_cast<const PackedContent>(weight.storage().packed());
}

/// What was packed of `weight` for the active ISA, or null.
std::shared_ptr<const PackedMatrix> kept(const Tensor& weight, MatrixOf matrix_of) {
  const auto content = content_of(weight);
  if (content == nullptr) return nullptr;
  for (const PackedContent::Entry& entry : content->entries) {
    if (entry.matrix != nullptr && entry.is_of(weight, matrix_of) &&
        entry.matrix->isa() == active_isa()) {
      return entry.matrix;
    }
  }
  return nullptr;
}

bool used_before(const Tensor& weight, MatrixOf matrix_of) {
  const auto content = content_of(weight);
  return content != nullptr &&
         std::ranges::any_of(content->entries, [&](const PackedContent::Entry& entry) {
           return entry.is_of(weight, matrix_of);
         });
}

/// Two threads may both come here; the later one wins. Matrices that both have packed are right,
/// and a use that is forgotten is only one more before packing.
void keep(const Tensor& weight, MatrixOf matrix_of, std::shared_ptr<const PackedMatrix> matrix) {
  const auto before = content_of(weight);
  auto content = before == nullptr ? std::make_shared<PackedContent>()
                                   : std::make_shared<PackedContent>(*before);
  content->entries.push_back(
      {weight.offset(), weight.dim(0), weight.numel(), matrix_of, std::move(matrix)});
  weight.storage().set_packed(std::move(content));
}

std::shared_ptr<const PackedMatrix> pack_and_keep(const Tensor& weight, MatrixOf matrix_of) {
  const Tensor plain = matrix_of == nullptr ? weight : matrix_of(weight);
  const int64_t n = weight.dim(0);
  const int64_t k = plain.numel() / n;
  auto matrix =
      std::make_shared<const PackedMatrix>(k, n, StridedMatrix::of(Trans::kYes, plain.data(), k));
  keep(weight, matrix_of, matrix);
  return matrix;
}

}  // namespace

PackedMatrix::PackedMatrix(int64_t k, int64_t n, const StridedMatrix& b)
    : isa_(active_isa()), k_(k), n_(n) {
  const kernels::Gemm& kernel = *kernels::of(isa_).gemm;
  const int64_t panels = kernel.panels(n);
  panels_ = lasting_floats(k * panels * kernel.nr);
  const BlocksOfK blocks(k, kernel.kc);
  parallel_for(blocks.count * panels, 1, [&](int64_t begin, int64_t) {
    const int64_t block = begin / panels;
    const int64_t p = begin % panels;
    const StridedMatrix from = b.at(blocks.begin(block), kernel.panel_begin(n, p));
    kernel.pack(kernel.panel_columns(n, p), blocks.size(block), from.data, from.column_stride,
                from.row_stride, kernel.nr, panels_.get() + offset(block, p));
  });
}

int64_t PackedMatrix::offset(int64_t block, int64_t panel) const {
  const kernels::Gemm& kernel = *kernels::of(isa_).gemm;
  const BlocksOfK blocks(k_, kernel.kc);
  return (blocks.begin(block) * kernel.panels(n_) + panel * blocks.size(block)) * kernel.nr;
}

void PackedMatrix::unpack_transposed(float* to) const {
  const kernels::Gemm& kernel = *kernels::of(isa_).gemm;
  const int64_t nr = kernel.nr;
  const BlocksOfK blocks(k_, kernel.kc);
  parallel_for(kernel.panels(n_), 1, [&](int64_t p, int64_t) {
    for (int64_t block = 0; block < blocks.count; ++block) {
      const float* from = panel(block, p);
      for (int64_t j = 0; j < kernel.panel_columns(n_, p); ++j) {
        float* row = to + (kernel.panel_begin(n_, p) + j) * k_ + blocks.begin(block);
        for (int64_t i = 0; i < blocks.size(block); ++i) row[i] = from[i * nr + j];
      }
    }
  });
}

std::shared_ptr<const PackedMatrix> packed_weight(const Tensor& weight, MatrixOf matrix_of) {
  if (!weight.storage().frozen() || weight.numel() == 0) return nullptr;
  if (auto matrix = kept(weight, matrix_of)) return matrix;
  if (weight.storage().borrowed() && !used_before(weight, matrix_of)) {
    keep(weight, matrix_of, nullptr);
    return nullptr;
  }
  return pack_and_keep(weight, matrix_of);
}

void pack_weight(const Tensor& weight) {
  constexpr std::string_view kMust = "weight must be a frozen matrix";
  check(weight.defined() && weight.rank() == 2, "pack_weight", kMust);
  check_usage(weight.storage().frozen(), "pack_weight", kMust);
  if (weight.numel() == 0 || weight.storage().borrowed()) return;
  auto matrix = kept(weight, nullptr);
  if (matrix == nullptr) matrix = pack_and_keep(weight, nullptr);
  if (weight.numel() != weight.storage().numel()) return;
  weight.storage().move_out([matrix](float* to) { matrix->unpack_transposed(to); });
}

}  // namespace vitrine
