#include "ops/gemm/gemm_packed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "core/check.hpp"
#include "core/lasting_memory.hpp"
#include "core/parallel.hpp"
#include "ops/gemm/bf16_matrix.hpp"
#include "ops/gemm/gemm.hpp"
#include "ops/gemm/int8_matrix.hpp"
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
    std::shared_ptr<const PackedWeight> matrix;  // null: was read where it lies, borrowed

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

/// What was packed of `weight`, if possible for the active ISA, or null.
std::shared_ptr<const PackedWeight> kept(const Tensor& weight, MatrixOf matrix_of) {
  const auto content = content_of(weight);
  if (content == nullptr) return nullptr;
  std::shared_ptr<const PackedWeight> other;
  for (const PackedContent::Entry& entry : content->entries) {
    if (entry.matrix == nullptr || !entry.is_of(weight, matrix_of)) continue;
    if (entry.matrix->isa() == active_isa()) return entry.matrix;
    other = entry.matrix;
  }
  return other;
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
void keep(const Tensor& weight, MatrixOf matrix_of, std::shared_ptr<const PackedWeight> matrix) {
  const auto before = content_of(weight);
  auto content = before == nullptr ? std::make_shared<PackedContent>()
                                   : std::make_shared<PackedContent>(*before);
  std::erase_if(content->entries, [&](const PackedContent::Entry& entry) {
    return entry.matrix != nullptr && matrix != nullptr && entry.is_of(weight, matrix_of) &&
           entry.matrix->precision() != matrix->precision();
  });
  content->entries.push_back(
      {weight.offset(), weight.dim(0), weight.numel(), matrix_of, std::move(matrix)});
  weight.storage().set_packed(std::move(content));
}

}  // namespace

std::shared_ptr<const PackedWeight> packed_rows(int64_t n, int64_t k, const float* rows,
                                                Precision precision) {
  if (precision == Precision::kInt8) {
    return std::make_shared<const Int8Matrix>(Int8Rows::of(n, k, rows));
  }
  if (precision == Precision::kBfloat16 && kernels::narrow_of(active_isa()).gemm_bf16 != nullptr) {
    return std::make_shared<const Bf16Matrix>(n, k, rows);
  }
  return std::make_shared<const PackedMatrix>(k, n, StridedMatrix::of(Trans::kYes, rows, k),
                                              precision);
}

PackedMatrix::PackedMatrix(int64_t k, int64_t n, const StridedMatrix& b, Precision precision)
    : PackedMatrix(k, n, b, precision, *kernels::active().gemm) {}

PackedMatrix::PackedMatrix(int64_t k, int64_t n, const StridedMatrix& b, Precision precision,
                           const kernels::Gemm& kernel)
    : PackedWeight(precision, k, n), kernel_(&kernel) {
  const int64_t panels = kernel.panels(n);
  const bool narrow = precision == Precision::kBfloat16;
  const int64_t values = k * panels * kernel.nr;
  panels_ = lasting_floats(narrow ? ceil_div(values, 2) : values);
  const BlocksOfK blocks(k, kernel);
  parallel_for(blocks.count * panels, 1, [&](int64_t begin, int64_t) {
    const int64_t block = begin / panels;
    const int64_t p = begin % panels;
    const StridedMatrix from = b.at(blocks.begin(block), kernel.panel_begin(n, p));
    const int64_t size = blocks.size(block) * kernel.nr;
    const Buffer wide = scratch_floats(narrow ? size : 0);
    float* const to = narrow ? wide.floats() : panels_.get() + offset(block, p);
    kernel.pack(kernel.panel_columns(n, p), blocks.size(block), from.data, from.column_stride,
                from.row_stride, kernel.nr, to);
    if (!narrow) return;
    auto* const rounded = reinterpret_cast<uint16_t*>(panels_.get()) + offset(block, p);
    // Columns that a micro-panel lacks hold anything.
    kernel.narrow(size, to, rounded);
  });
}

int64_t PackedMatrix::offset(int64_t block, int64_t panel) const {
  const BlocksOfK blocks(k(), *kernel_);
  return (blocks.begin(block) * kernel_->panels(n()) + panel * blocks.size(block)) * kernel_->nr;
}

void PackedMatrix::unpack_transposed(float* to) const {
  const kernels::Gemm& kernel = *kernel_;
  const int64_t nr = kernel.nr;
  const BlocksOfK blocks(k(), kernel);
  parallel_for(kernel.panels(n()), 1, [&](int64_t p, int64_t) {
    const Buffer wide =
        scratch_floats(precision() == Precision::kBfloat16 ? blocks.longest() * nr : 0);
    for (int64_t block = 0; block < blocks.count; ++block) {
      const float* from = panel(block, p);
      if (precision() == Precision::kBfloat16) {
        kernel.widen(blocks.size(block) * nr, narrow_panel(block, p), wide.floats());
        from = wide.floats();
      }
      for (int64_t j = 0; j < kernel.panel_columns(n(), p); ++j) {
        float* row = to + (kernel.panel_begin(n(), p) + j) * k() + blocks.begin(block);
        for (int64_t i = 0; i < blocks.size(block); ++i) row[i] = from[i * nr + j];
      }
    }
  });
}

std::optional<Precision> packed_precision(const Tensor& weight) {
  const auto content = content_of(weight);
  if (content == nullptr) return std::nullopt;
  for (const PackedContent::Entry& entry : content->entries) {
    if (entry.matrix != nullptr && entry.is_of(weight, entry.matrix_of)) {
      return entry.matrix->precision();
    }
  }
  return std::nullopt;
}

void PackedMatrix::multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc,
                            const GemmEpilogue& epilogue) const {
  gemm(Trans::kNo, m, a, lda, *this, c, ldc, epilogue);
}

void PackedMatrix::multiply(const ImageRows& a, float* c, int64_t ldc,
                            const GemmEpilogue& epilogue) const {
  gemm(a, *this, c, ldc, epilogue);
}

std::shared_ptr<const PackedWeight> PackedMatrix::for_active_isa() const {
  const Tensor plain = Tensor::empty({n(), k()});
  unpack_transposed(Tensor(plain).mutable_data());
  return packed_rows(n(), k(), plain.data(), precision());
}

std::shared_ptr<const PackedWeight> packed_as(const Tensor& weight, MatrixOf matrix_of,
                                              Precision precision) {
  auto matrix = kept(weight, matrix_of);
  if (matrix != nullptr && matrix->precision() == precision) {
    if (matrix->isa() == active_isa()) return matrix;
    matrix = matrix->for_active_isa();
  } else {
    const Tensor plain = matrix_of == nullptr ? weight : matrix_of(weight);
    const int64_t n = weight.dim(0);
    matrix = packed_rows(n, plain.numel() / n, plain.data(), precision);
  }
  keep(weight, matrix_of, matrix);
  return matrix;
}

void keep_packed(const Tensor& weight, MatrixOf matrix_of,
                 std::shared_ptr<const PackedWeight> packed) {
  keep(weight, matrix_of, std::move(packed));
}

std::shared_ptr<const PackedWeight> packed_weight(const Tensor& weight, MatrixOf matrix_of) {
  if (!weight.storage().frozen() || weight.numel() == 0) return nullptr;
  if (const auto matrix = kept(weight, matrix_of)) {
    return packed_as(weight, matrix_of, matrix->precision());
  }
  if (weight.storage().borrowed() && !used_before(weight, matrix_of)) {
    keep(weight, matrix_of, nullptr);
    return nullptr;
  }
  return packed_as(weight, matrix_of, Precision::kFloat32);
}

void pack_weight(const Tensor& weight, Precision precision) {
  constexpr std::string_view kMust = "weight must be a frozen matrix";
  check(weight.defined() && weight.rank() == 2, "pack_weight", kMust);
  check_usage(weight.storage().frozen(), "pack_weight", kMust);
  if (weight.numel() == 0) return;
  if (weight.storage().borrowed() && precision == Precision::kFloat32) return;
  const auto matrix = packed_as(weight, nullptr, precision);
  if (weight.numel() != weight.storage().numel()) return;
  weight.storage().move_out([matrix](float* to) { matrix->unpack_transposed(to); });
}

}  // namespace vitrine
