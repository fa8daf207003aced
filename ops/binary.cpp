#include "ops/binary.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"
#include "ops/reduce.hpp"
#include "ops/reuse.hpp"
#include "ops/strided.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;

/// The loops over two tensors that are broadcast to `shape`.
LoopNest broadcast_loops(const Shape& shape, const Shape& a, const Shape& b) {
  const auto stride = [&](const Shape& s, int64_t axis) -> int64_t {
    const int64_t own = axis - (shape.rank() - s.rank());
    return own < 0 || s[own] == 1 ? 0 : strides_of(s)[static_cast<size_t>(own)];
  };
  LoopNest loops;
  for (int64_t i = 0; i < shape.rank(); ++i) loops.push({shape[i], stride(a, i), stride(b, i)});
  return loops;
}

/// Calls f(rows, n, a, b, at) for pieces of the loops: two operands for a kernel, and where their
/// elements are in the result.
template <class F>
void for_each_piece(const LoopNest& loops, const float* a, const float* b, const F& f) {
  const LoopAxis run = loops.inner(0);
  const LoopAxis row = loops.inner(1);
  if (loops.outer_steps(0) == 0) return;
  const int64_t n = run.size >= 2 * kChunkElements ? kChunkElements : run.size;
  const int64_t rows = n < run.size ? 1 : std::clamp<int64_t>(kChunkElements / n, 1, row.size);
  const int64_t runs = ceil_div(run.size, n);
  const int64_t groups = ceil_div(row.size, rows);
  const int64_t grain = std::max<int64_t>(kChunkElements / (rows * n), 1);
  parallel_for(loops.outer_steps(2) * groups * runs, grain, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t column = piece % runs * n;
      const int64_t first = piece / runs % groups * rows;
      const int64_t outer = piece / runs / groups;
      const auto at = loops.offsets(outer, 2);
      f(std::min(rows, row.size - first), std::min(n, run.size - column),
        kernels::BinaryOperand{a + at.a + first * row.a + column * run.a, row.a, run.a},
        kernels::BinaryOperand{b + at.b + first * row.b + column * run.b, row.b, run.b},
        (outer * row.size + first) * run.size + column);
    }
  });
}

bool additive(BinaryFunction f) { return f == BinaryFunction::kAdd || f == BinaryFunction::kSub; }

/// Gradients of a + b and a - b, which need shapes alone.
BinaryGradients additive_backward(BinaryFunction f, const Tensor& dy, const Shape& a,
                                  const Shape& b, Needs needs) {
  BinaryGradients g;
  if (needs[0]) g.da = sum_to(dy, a);
  if (needs[1]) g.db = f == BinaryFunction::kAdd ? sum_to(dy, b) : neg(sum_to(dy, b));
  return g;
}

Tensor binary(std::string_view name, BinaryFunction f, const Tensor& a, const Tensor& b) {
  const ProfileScope profile(name);
  check_rank_at_least(name, "a", a, 0);
  check_rank_at_least(name, "b", b, 0);
  const Shape shape = broadcast_shape(name, a.shape(), b.shape());
  Tape* tape = Tape::recording({&a, &b});
  const bool keep = tape != nullptr && !additive(f);
  const auto gives = [&](const Tensor& t) { return !keep && t.shape() == shape && reusable(t); };
  Tensor y = gives(a) ? a.detach() : gives(b) ? b.detach() : Tensor::empty(shape);

  const kernels::Binary& kernel = *kernels::active().binary;
  float* to = y.mutable_data();
  for_each_piece(
      broadcast_loops(shape, a.shape(), b.shape()), a.data(), b.data(),
      [&](int64_t rows, int64_t n, kernels::BinaryOperand left, kernels::BinaryOperand right,
          int64_t at) { kernel.forward(f, rows, n, left, right, to + at); });

  if (tape == nullptr) return y;
  if (keep) {
    tape->record({&a, &b}, y, [f, a = Saved(a), b = Saved(b)](const Tensor& dy, Needs needs) {
      auto g = binary_backward(f, dy, a, b, needs);
      return std::vector{g.da, g.db};
    });
  } else {
    tape->record({&a, &b}, y, [f, a = a.shape(), b = b.shape()](const Tensor& dy, Needs needs) {
      auto g = additive_backward(f, dy, a, b, needs);
      return std::vector{g.da, g.db};
    });
  }
  return y;
}

/// f(a, b) with a number b; the backward pass multiplies by `slope`.
Tensor with_number(std::string_view name, BinaryFunction f, const Tensor& a, float b, float slope) {
  const ProfileScope profile(name);
  check_rank_at_least(name, "a", a, 0);
  Tensor y = reusable(a) ? a.detach() : Tensor::empty(a.shape());
  const kernels::Binary& kernel = *kernels::active().binary;
  const float* from = a.data();
  float* to = y.mutable_data();
  parallel_for(a.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
    kernel.forward(f, 1, end - begin, {from + begin, 0, 1}, {&b, 0, 0}, to + begin);
  });
  if (Tape* tape = Tape::recording({&a})) {
    tape->record({&a}, y, [slope](const Tensor& dy, Needs) {
      return std::vector{slope == 1.0F ? dy : mul(dy, slope)};
    });
  }
  return y;
}

}  // namespace

Shape broadcast_shape(std::string_view op, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const int64_t missing = longer.rank() - shorter.rank();
  Shape shape = longer;
  for (int64_t i = 0; i < shorter.rank(); ++i) {
    const int64_t size = longer[i + missing];
    if (size == 1) {
      shape = shape.with(i + missing, shorter[i]);
    } else if (shorter[i] != size && shorter[i] != 1) {
      throw ShapeError(fmt::format("[{}] {} and {} do not broadcast: {} against {} on axis {}", op,
                                   a.str(), b.str(), longer.rank() == a.rank() ? size : shorter[i],
                                   longer.rank() == a.rank() ? shorter[i] : size,
                                   i - shorter.rank()));
    }
  }
  return shape;
}

// By value: an argument that nobody else holds gives its storage to the result.
// NOLINTBEGIN(performance-unnecessary-value-param)
Tensor add(Tensor a, Tensor b) { return binary("add", BinaryFunction::kAdd, a, b); }
Tensor sub(Tensor a, Tensor b) { return binary("sub", BinaryFunction::kSub, a, b); }
Tensor mul(Tensor a, Tensor b) { return binary("mul", BinaryFunction::kMul, a, b); }
Tensor div(Tensor a, Tensor b) { return binary("div", BinaryFunction::kDiv, a, b); }
Tensor maximum(Tensor a, Tensor b) { return binary("maximum", BinaryFunction::kMaximum, a, b); }
Tensor minimum(Tensor a, Tensor b) { return binary("minimum", BinaryFunction::kMinimum, a, b); }

Tensor add(Tensor a, float b) { return with_number("add", BinaryFunction::kAdd, a, b, 1.0F); }
Tensor mul(Tensor a, float b) { return with_number("mul", BinaryFunction::kMul, a, b, b); }
// NOLINTEND(performance-unnecessary-value-param)

BinaryGradients binary_backward(BinaryFunction f, const Tensor& dy, const Tensor& a,
                                const Tensor& b, Needs needs) {
  const Shape shape = broadcast_shape("binary_backward", a.shape(), b.shape());
  check_shape("binary_backward", "dy", dy, shape, "a", a.shape());
  if (additive(f)) return additive_backward(f, dy, a.shape(), b.shape(), needs);
  BinaryGradients g;
  if (needs[0]) g.da = Tensor::empty(shape);
  if (needs[1]) g.db = Tensor::empty(shape);
  float* da = needs[0] ? g.da.mutable_data() : nullptr;
  float* db = needs[1] ? g.db.mutable_data() : nullptr;
  const kernels::Binary& kernel = *kernels::active().binary;
  for_each_piece(broadcast_loops(shape, a.shape(), b.shape()), a.data(), b.data(),
                 [&](int64_t rows, int64_t n, kernels::BinaryOperand left,
                     kernels::BinaryOperand right, int64_t at) {
                   kernel.backward(f, rows, n, dy.data() + at, left, right,
                                   da == nullptr ? nullptr : da + at,
                                   db == nullptr ? nullptr : db + at);
                 });
  if (needs[0]) g.da = sum_to(g.da, a.shape());
  if (needs[1]) g.db = sum_to(g.db, b.shape());
  return g;
}

}  // namespace vitrine
