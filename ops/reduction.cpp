#include "ops/reduction.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/ceil_div.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/reduce.hpp"
#include "ops/permute.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 15;
// Columns that one task reduces together: 4 KB of each row, so that few rows fill no more than L2.
constexpr int64_t kMaxStrip = 1024;
// Parts of a column, each of which costs a row of partial results.
constexpr int64_t kMaxParts = 32;

using Axes = std::array<bool, Shape::kMaxRank>;  // which axes are reduced

Axes reduced_axes(std::string_view op, const Shape& shape, const AxisList& axes) {
  Axes reduced{};
  if (axes.empty()) std::fill_n(reduced.begin(), shape.rank(), true);
  for (const int64_t axis : axes) {
    const int64_t a = axis < 0 ? axis + shape.rank() : axis;
    if (a < 0 || a >= shape.rank() || reduced[static_cast<size_t>(a)]) {
      throw ShapeError(fmt::format("[{}] axes ({}) must name axes of {}, each at most once", op,
                                   fmt::join(axes, ", "), shape.str()));
    }
    reduced[static_cast<size_t>(a)] = true;
  }
  return reduced;
}

/// Whether the reduced axes are one block, apart from axes of size 1.
bool one_block(const Shape& shape, const Axes& reduced) {
  int64_t changes = 0;
  bool inside = false;
  for (int64_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 1) continue;
    const bool now = reduced[static_cast<size_t>(i)];
    changes += now && !inside ? 1 : 0;
    inside = now;
  }
  return changes <= 1;
}

/// How the work of a reduction is cut: tasks of `rows` rows by `strip` columns.
struct Cut {
  explicit Cut(const Reduction& r)
      : strip(std::clamp<int64_t>(r.inner, 1, kMaxStrip)),
        rows(std::max({ceil_div(r.n, kMaxParts), kChunkElements / strip, int64_t{1}})),
        strips(ceil_div(r.inner, strip)),
        parts(std::max<int64_t>(ceil_div(r.n, rows), 1)),
        grain(std::max<int64_t>(kChunkElements / (std::clamp<int64_t>(r.n, 1, rows) * strip), 1)) {}

  int64_t strip, rows;    // of one task, at most
  int64_t strips, parts;  // tasks per (n, inner)
  int64_t grain;          // tasks per chunk
};

/// Calls kernel(rows, columns, x, result, partial) for every task: `result` is the index of its
/// first result, `partial` that of its first partial result among parts * results().
template <class Kernel>
void for_each_task(const Reduction& r, const Cut& cut, const Kernel& kernel) {
  const int64_t tasks = r.outer * cut.parts * cut.strips;
  const float* x = r.x.data();
  parallel_for(tasks, cut.grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t column = task % cut.strips * cut.strip;
      const int64_t part = task / cut.strips % cut.parts;
      const int64_t outer = task / cut.strips / cut.parts;
      const int64_t row = part * cut.rows;
      const int64_t result = outer * r.inner + column;
      kernel(std::min(cut.rows, r.n - row), std::min(cut.strip, r.inner - column),
             x + (outer * r.n + row) * r.inner + column, result, part * r.results() + result);
    }
  });
}

/// The sums over the parts, in double and in order. partial is (parts, results).
Tensor add_parts(const Reduction& r, const Cut& cut, const Tensor& partial) {
  if (cut.parts == 1) return partial.reshape(r.dropped);
  Tensor y = Tensor::empty(r.dropped);
  const float* from = partial.data();
  float* to = y.mutable_data();
  for (int64_t i = 0; i < r.results(); ++i) {
    double total = 0;
    for (int64_t part = 0; part < cut.parts; ++part) {
      total += static_cast<double>(from[part * r.results() + i]);
    }
    to[i] = static_cast<float>(total);
  }
  return y;
}

}  // namespace

Reduction::Reduction(std::string_view op, const Tensor& given, const AxisList& axes) {
  check_rank_at_least(op, "x", given, 0);
  const Shape& shape = given.shape();
  const Axes reduced = reduced_axes(op, shape, axes);
  AxisList with_ones;
  AxisList without;
  AxisList order;  // kept axes, then reduced ones
  for (int64_t i = 0; i < shape.rank(); ++i) {
    const bool gone = reduced[static_cast<size_t>(i)];
    with_ones.push_back(gone ? 1 : shape[i]);
    if (gone) continue;
    without.push_back(shape[i]);
    order.push_back(i);
  }
  kept = with_ones.shape();
  dropped = without.shape();
  if (!one_block(shape, reduced)) {
    for (int64_t i = 0; i < shape.rank(); ++i) {
      if (reduced[static_cast<size_t>(i)]) order.push_back(i);
    }
    x = permute(given.detach(), order);
    outer = dropped.numel();
    n = x.shape().product(dropped.rank(), x.rank());
    return;
  }
  x = given.detach();
  bool inside = false;
  for (int64_t i = 0; i < shape.rank(); ++i) {
    const bool gone = reduced[static_cast<size_t>(i)];
    if (gone && shape[i] != 1) inside = true;
    (gone ? n : inside ? inner : outer) *= shape[i];
  }
}

Tensor reduce_sum(const Reduction& r) {
  const Cut cut(r);
  Tensor partial = Tensor::empty({cut.parts, r.results()});
  float* to = partial.mutable_data();
  const kernels::Reduce& kernel = *kernels::active().reduce;
  for_each_task(r, cut, [&](int64_t rows, int64_t columns, const float* x, int64_t, int64_t at) {
    kernel.sum(rows, columns, r.inner, x, to + at);
  });
  return add_parts(r, cut, partial);
}

Deviations reduce_deviations(const Reduction& r, const Tensor& center) {
  const Cut cut(r);
  Tensor sums = Tensor::empty({cut.parts, r.results()});
  Tensor squares = Tensor::empty({cut.parts, r.results()});
  float* to_sums = sums.mutable_data();
  float* to_squares = squares.mutable_data();
  const kernels::Reduce& kernel = *kernels::active().reduce;
  for_each_task(r, cut,
                [&](int64_t rows, int64_t columns, const float* x, int64_t result, int64_t at) {
                  kernel.deviations(rows, columns, r.inner, x, center.data() + result, to_sums + at,
                                    to_squares + at);
                });
  return {add_parts(r, cut, sums), add_parts(r, cut, squares)};
}

Tensor reduce_max(const Reduction& r) {
  const Cut cut(r);
  Tensor partial = Tensor::empty({cut.parts, r.results()});
  float* to = partial.mutable_data();
  const kernels::Reduce& kernel = *kernels::active().reduce;
  for_each_task(r, cut, [&](int64_t rows, int64_t columns, const float* x, int64_t, int64_t at) {
    kernel.max(rows, columns, r.inner, x, to + at);
  });
  if (cut.parts == 1) return partial.reshape(r.dropped);
  Tensor y = Tensor::empty(r.dropped);
  kernel.max(cut.parts, r.results(), r.results(), to, y.mutable_data());
  return y;
}

}  // namespace vitrine
