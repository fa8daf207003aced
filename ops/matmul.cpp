#include "ops/matmul.hpp"

#include <fmt/format.h>

#include <array>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/binary.hpp"
#include "ops/gemm/gemm.hpp"
#include "ops/reduce.hpp"

namespace vitrine {
namespace {

/// An operand as matrices in memory, (..., rows, columns), and whether they are read transposed.
struct Operand {
  Tensor matrices;
  Trans trans;

  int64_t rows() const { return matrices.dim(trans == Trans::kNo ? -2 : -1); }
  int64_t columns() const { return matrices.dim(trans == Trans::kNo ? -1 : -2); }
  Shape batch() const {
    return Shape(matrices.shape().dims().first(static_cast<size_t>(matrices.rank() - 2)));
  }
  Operand transposed() const { return {matrices, trans == Trans::kNo ? Trans::kYes : Trans::kNo}; }
};

Shape with_matrix(const Shape& batch, int64_t rows, int64_t columns) {
  std::array<int64_t, Shape::kMaxRank> dims{};
  size_t rank = 0;
  for (const int64_t size : batch) dims[rank++] = size;
  dims[rank++] = rows;
  dims[rank++] = columns;
  return Shape(std::span(dims.data(), rank));
}

/// Items from one index to the next along axis `axis` of `batch` for an operand of shape `own`,
/// aligned at the last axis; 0 where it is broadcast.
int64_t item_stride(const Shape& batch, int64_t axis, const Shape& own) {
  const int64_t at = axis - (batch.rank() - own.rank());
  return at < 0 || own[at] == 1 ? 0 : own.product(at + 1, own.rank());
}

/// y (..., M, N) = a b, batches broadcast; unknown to any tape.
Tensor product(const Operand& a, const Operand& b) {
  const Shape batch = broadcast_shape("matmul", a.batch(), b.batch());
  const int64_t m = a.rows();
  const int64_t n = b.columns();
  const int64_t k = a.columns();
  Tensor y = Tensor::empty(with_matrix(batch, m, n));
  std::array<GemmBatchAxis, Shape::kMaxRank> axes;
  for (int64_t axis = 0; axis < batch.rank(); ++axis) {
    axes[static_cast<size_t>(axis)] = {batch[axis], item_stride(batch, axis, a.batch()) * m * k,
                                       item_stride(batch, axis, b.batch()) * k * n,
                                       item_stride(batch, axis, batch) * m * n};
  }
  gemm_batched(std::span(axes.data(), static_cast<size_t>(batch.rank())), a.trans, b.trans, m, n, k,
               a.matrices.data(), a.matrices.dim(-1), b.matrices.data(), b.matrices.dim(-1),
               y.mutable_data(), n);
  return y;
}

/// Both operands with at least two axes: (K) becomes a row on the left, a column on the right. If
/// the right one is a single matrix and the left ones lie as they are read, they are one tall
/// matrix.
struct Operands {
  Operand a, b;

  Operands(const Tensor& a_, const Tensor& b_, bool transpose_a, bool transpose_b)
      : a{a_.detach(), transpose_a ? Trans::kYes : Trans::kNo},
        b{b_.detach(), transpose_b ? Trans::kYes : Trans::kNo} {
    if (a.matrices.rank() == 1) a.matrices = a.matrices.reshape({1, a_.dim(0)});
    if (b.matrices.rank() == 1) b.matrices = b.matrices.reshape({b_.dim(0), 1});
    if (b.matrices.rank() == 2 && a.trans == Trans::kNo) {
      const int64_t k = a.matrices.dim(-1);
      a.matrices = a.matrices.reshape({rows_of(a.matrices), k});
    }
  }
};

void check_arguments(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  check_rank_at_least("matmul", "a", a, transpose_a ? 2 : 1);
  check_rank_at_least("matmul", "b", b, transpose_b ? 2 : 1);
  const int64_t k_a = a.dim(transpose_a ? -2 : -1);
  const int64_t k_b = b.rank() == 1 ? b.dim(0) : b.dim(transpose_b ? -1 : -2);
  if (k_a != k_b) {
    throw ShapeError(
        fmt::format("[matmul] a {}{} and b {}{} do not fit: {} columns against {} rows",
                    a.shape().str(), transpose_a ? " transposed" : "", b.shape().str(),
                    transpose_b ? " transposed" : "", k_a, k_b));
  }
}

/// The shape that NumPy gives the result.
Shape result_shape(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  const auto batch_of = [](const Tensor& t) {
    return Shape(t.shape().dims().first(static_cast<size_t>(std::max<int64_t>(t.rank() - 2, 0))));
  };
  const Shape batch = broadcast_shape("matmul", batch_of(a), batch_of(b));
  std::array<int64_t, Shape::kMaxRank> dims{};
  size_t rank = 0;
  for (const int64_t size : batch) dims[rank++] = size;
  if (a.rank() > 1) dims[rank++] = a.dim(transpose_a ? -1 : -2);
  if (b.rank() > 1) dims[rank++] = b.dim(transpose_b ? -2 : -1);
  return Shape(std::span(dims.data(), rank));
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  const ProfileScope profile("matmul");
  check_arguments(a, b, transpose_a, transpose_b);
  const Shape shape = result_shape(a, b, transpose_a, transpose_b);
  const Operands operands(a, b, transpose_a, transpose_b);
  Tensor y = product(operands.a, operands.b).reshape(shape);
  if (Tape* tape = Tape::recording({&a, &b})) {
    tape->record(
        {&a, &b}, y,
        [a = Saved(a), b = Saved(b), transpose_a, transpose_b](const Tensor& dy, Needs needs) {
          auto g = matmul_backward(dy, a, b, transpose_a, transpose_b, needs);
          return std::vector{g.da, g.db};
        });
  }
  return y;
}

// With A = op(a) and B = op(b): dA = dy B^T and dB = A^T dy. If op transposes, the gradient of what
// lies in memory is the transposed: da = B dy^T and db = dy^T A.
MatmulGradients matmul_backward(const Tensor& dy, const Tensor& a, const Tensor& b,
                                bool transpose_a, bool transpose_b, Needs needs) {
  check_arguments(a, b, transpose_a, transpose_b);
  check_shape("matmul_backward", "dy", dy, result_shape(a, b, transpose_a, transpose_b), "a",
              a.shape());
  const Operands operands(a, b, transpose_a, transpose_b);
  const Operand& left = operands.a;
  const Operand& right = operands.b;
  const Shape batch = broadcast_shape("matmul", left.batch(), right.batch());
  const Operand d{dy.detach().reshape(with_matrix(batch, left.rows(), right.columns())),
                  Trans::kNo};
  MatmulGradients g;
  if (needs[0]) {
    const Tensor da = transpose_a ? product(right, d.transposed()) : product(d, right.transposed());
    g.da = sum_to(da, left.matrices.shape()).reshape(a.shape());
  }
  if (needs[1]) {
    const Tensor db = transpose_b ? product(d.transposed(), left) : product(left.transposed(), d);
    g.db = sum_to(db, right.matrices.shape()).reshape(b.shape());
  }
  return g;
}

}  // namespace vitrine
