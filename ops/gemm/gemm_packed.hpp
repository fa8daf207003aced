#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/ceil_div.hpp"
#include "core/isa.hpp"
#include "core/tensor.hpp"
#include "ops/gemm/image_rows.hpp"
#include "ops/kernels/bfloat16.hpp"
#include "ops/kernels/gemm.hpp"
#include "ops/kernels/precision.hpp"

namespace vitrine {

/// Whether a matrix is read as it lies in memory or transposed.
enum class Trans { kNo, kYes };

/// A matrix given by its first element and two strides: element (i, j) is
/// data[i * row_stride + j * column_stride].
struct StridedMatrix {
  const float* data;
  int64_t row_stride;
  int64_t column_stride;

  static StridedMatrix of(Trans trans, const float* data, int64_t pitch) {
    return trans == Trans::kNo ? StridedMatrix{data, pitch, 1} : StridedMatrix{data, 1, pitch};
  }
  StridedMatrix at(int64_t row, int64_t column) const {
    return {data + row * row_stride + column * column_stride, row_stride, column_stride};
  }
};

/// How K is cut for a kernel: evenly, into blocks no longer than Gemm::kc. The sums' rounding
/// depends on these cuts, so they follow from K and the ISA alone.
struct BlocksOfK {
  int64_t k;
  int64_t unit;
  int64_t count;

  BlocksOfK(int64_t k_, const kernels::Gemm& kernel)
      : k(k_), unit(kernel.tile_k), count(k_ <= kernel.kc ? 1 : ceil_div(k_, kernel.kc)) {}
  int64_t begin(int64_t block) const { return kernels::piece_begin(k, unit, count, block); }
  int64_t size(int64_t block) const { return begin(block + 1) - begin(block); }
  int64_t longest() const { return ceil_div(ceil_div(k, unit), count) * unit; }
};

/// A weight as the right operand (k, n) of products, in the order in which the micro-kernel of one
/// ISA reads it.
class PackedWeight {
 public:
  virtual ~PackedWeight() = default;

  Precision precision() const { return precision_; }
  Isa isa() const { return isa_; }
  int64_t k() const { return k_; }
  int64_t n() const { return n_; }

  /// C = epilogue(A B), A (m, k) with a row pitch, or gathered from images; on all threads, for the
  /// active ISA.
  virtual void multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc,
                        const GemmEpilogue& epilogue) const = 0;
  virtual void multiply(const ImageRows& a, float* c, int64_t ldc,
                        const GemmEpilogue& epilogue) const = 0;
  /// Writes B^T, (n, k) row-major, bit for bit as it is multiplied.
  virtual void unpack_transposed(float* to) const = 0;
  /// The same numbers for the ISA that is active now.
  virtual std::shared_ptr<const PackedWeight> for_active_isa() const = 0;

 protected:
  PackedWeight(Precision precision, int64_t k, int64_t n)
      : precision_(precision), isa_(active_isa()), k_(k), n_(n) {}
  PackedWeight(const PackedWeight&) = default;
  PackedWeight& operator=(const PackedWeight&) = default;

 private:
  Precision precision_;
  Isa isa_;
  int64_t k_, n_;
};

/// A weight in f32 or bf16: for every block of K, for every micro-panel
/// (kernels::Gemm::panel_begin), [k][nr].
class PackedMatrix final : public PackedWeight {
 public:
  /// Packs B, on all threads, for the active ISA's `gemm`; in bf16 rounded to nearest, ties to
  /// even.
  PackedMatrix(int64_t k, int64_t n, const StridedMatrix& b,
               Precision precision = Precision::kFloat32);
  /// For a kernel of the active ISA: its gemm_bf16 has words of two numbers as floats.
  PackedMatrix(int64_t k, int64_t n, const StridedMatrix& b, Precision precision,
               const kernels::Gemm& kernel);

  const kernels::Gemm& kernel() const { return *kernel_; }

  /// A micro-panel of columns over one block of K, of a weight in f32.
  const float* panel(int64_t block, int64_t panel) const {
    return panels_.get() + offset(block, panel);
  }
  /// The same of a weight in bf16.
  const uint16_t* narrow_panel(int64_t block, int64_t panel) const {
    return reinterpret_cast<const uint16_t*>(panels_.get()) + offset(block, panel);
  }

  void multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc,
                const GemmEpilogue& epilogue) const override;
  void multiply(const ImageRows& a, float* c, int64_t ldc,
                const GemmEpilogue& epilogue) const override;
  void unpack_transposed(float* to) const override;
  std::shared_ptr<const PackedWeight> for_active_isa() const override;

 private:
  int64_t offset(int64_t block, int64_t panel) const;

  const kernels::Gemm* kernel_;
  std::shared_ptr<float> panels_;
};

/// `rows` (n, k) in `precision`, packed for the active ISA.
std::shared_ptr<const PackedWeight> packed_rows(int64_t n, int64_t k, const float* rows,
                                                Precision precision);

/// Gives the matrix (n, k) that a weight stands for where that is not the weight itself.
using MatrixOf = Tensor (*)(const Tensor& weight);

/// The matrix (n, k) that `weight` is, or that matrix_of makes of it, transposed and packed as the
/// right operand of x weight^T; null unless the weight is frozen. It is kept with the weight's
/// storage, so that only the first call packs. A borrowed weight is not packed, and null, at its
/// first use: for one product packing costs more than it gains. Any thread may ask.
std::shared_ptr<const PackedWeight> packed_weight(const Tensor& weight,
                                                  MatrixOf matrix_of = nullptr);

/// Packs a frozen weight (n, k) for the active ISA now. If it is all that its storage holds, the
/// packed form is the only one from then on, until somebody asks for data(). To be called before
/// other threads know the weight. A borrowed one that is to stay in f32 is left for packed_weight.
/// Throws ShapeError unless it is a matrix, UsageError unless it is frozen.
void pack_weight(const Tensor& weight, Precision precision = Precision::kFloat32);

/// How all of `weight` is packed, whatever was made of it; nothing if it is not.
std::optional<Precision> packed_precision(const Tensor& weight);

/// A frozen weight's matrix in `precision` for the active ISA: as it is kept, or else packed now
/// and kept instead of what is in another precision.
std::shared_ptr<const PackedWeight> packed_as(const Tensor& weight, MatrixOf matrix_of,
                                              Precision precision);

/// Keeps `packed` as what packed_weight gives for `weight` and matrix_of.
void keep_packed(const Tensor& weight, MatrixOf matrix_of,
                 std::shared_ptr<const PackedWeight> packed);

}  // namespace vitrine
