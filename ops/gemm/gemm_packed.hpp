#pragma once

#include <cstdint>
#include <memory>

#include "core/ceil_div.hpp"
#include "core/isa.hpp"
#include "core/tensor.hpp"

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

/// How K is cut for an ISA: evenly, into blocks no longer than Gemm::kc. The sums' rounding depends
/// on these cuts, so they follow from K and the ISA alone.
struct BlocksOfK {
  int64_t k;
  int64_t count;

  BlocksOfK(int64_t k_, int64_t longest)
      : k(k_), count(k_ <= longest ? 1 : ceil_div(k_, longest)) {}
  int64_t begin(int64_t block) const { return block * k / count; }
  int64_t size(int64_t block) const { return begin(block + 1) - begin(block); }
  int64_t longest() const { return ceil_div(k, count); }
};

/// The right operand of a product, (k, n), in the order in which the micro-kernel of one ISA reads
/// it: for every block of K, for every micro-panel (kernels::Gemm::panel_begin), [k][nr].
class PackedMatrix {
 public:
  /// Packs B, on all threads.
  PackedMatrix(int64_t k, int64_t n, const StridedMatrix& b);

  Isa isa() const { return isa_; }
  int64_t k() const { return k_; }
  int64_t n() const { return n_; }
  /// A micro-panel of columns over one block of K.
  const float* panel(int64_t block, int64_t panel) const {
    return panels_.get() + offset(block, panel);
  }
  /// Writes B^T, (n, k) row-major, bit for bit as it was.
  void unpack_transposed(float* to) const;

 private:
  int64_t offset(int64_t block, int64_t panel) const;

  Isa isa_;
  int64_t k_, n_;
  std::shared_ptr<float> panels_;
};

/// Gives the matrix (n, k) that a weight stands for where that is not the weight itself.
using MatrixOf = Tensor (*)(const Tensor& weight);

/// The matrix (n, k) that `weight` is, or that matrix_of makes of it, transposed and packed as the
/// right operand of x weight^T; null unless the weight is frozen. It is kept with the weight's
/// storage, so that only the first call packs. A borrowed weight is not packed, and null, at its
/// first use: for one product packing costs more than it gains. Any thread may ask.
std::shared_ptr<const PackedMatrix> packed_weight(const Tensor& weight,
                                                  MatrixOf matrix_of = nullptr);

/// Packs a frozen weight (n, k) for the active ISA now. If it is all that its storage holds, the
/// packed form is the only one from then on, until somebody asks for data(). To be called before
/// other threads know the weight. A borrowed one is left for packed_weight. Throws ShapeError
/// unless it is a matrix, UsageError unless it is frozen.
void pack_weight(const Tensor& weight);

}  // namespace vitrine
