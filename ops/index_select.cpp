#include "ops/index_select.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/pool2d.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 14;  // some microseconds of copying

/// x as (outer, n, inner), n along the axis.
struct View {
  int64_t outer, n, inner;

  View(const Shape& shape, int64_t axis)
      : outer(shape.product(0, axis)),
        n(shape[axis]),
        inner(shape.product(axis + 1, shape.rank())) {}
  int64_t grain() const { return kChunkElements / std::max<int64_t>(inner, 1) + 1; }
};

Tensor index_select_backward(const Tensor& dy, const Shape& shape, int64_t axis,
                             const std::vector<int64_t>& indices) {
  const View view(shape, axis);
  const auto count = static_cast<int64_t>(indices.size());
  // Where each slice went, in order: one thread adds them up.
  std::vector<std::vector<int64_t>> places(static_cast<size_t>(view.n));
  for (int64_t i = 0; i < count; ++i) {
    places[static_cast<size_t>(indices[static_cast<size_t>(i)])].push_back(i);
  }
  Tensor dx = Tensor::zeros(shape);
  float* to = dx.mutable_data();
  const kernels::Pool2d& kernel = *kernels::active().pool2d;
  parallel_for(view.outer * view.n, view.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (const int64_t place : places[static_cast<size_t>(i % view.n)]) {
        kernel.add_scaled(view.inner, dy.data() + (i / view.n * count + place) * view.inner, 1.0F,
                          to + i * view.inner);
      }
    }
  });
  return dx;
}

}  // namespace

Tensor index_select(const Tensor& x, int64_t axis, const std::vector<int64_t>& indices) {
  const ProfileScope profile("index_select");
  check_rank_at_least("index_select", "x", x, 1);
  const int64_t at = x.shape().normalize_axis(axis);
  const View view(x.shape(), at);
  for (const int64_t index : indices) {
    if (index >= 0 && index < view.n) continue;
    throw UsageError(fmt::format("[index_select] index {} must be within axis {} of {}", index, at,
                                 x.shape().str()));
  }
  const auto count = static_cast<int64_t>(indices.size());
  Tensor y = Tensor::empty(x.shape().with(at, count));
  float* to = y.mutable_data();
  parallel_for(view.outer * count, view.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t slice = i / count * view.n + indices[static_cast<size_t>(i % count)];
      std::copy_n(x.data() + slice * view.inner, view.inner, to + i * view.inner);
    }
  });
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [shape = x.shape(), at, indices](const Tensor& dy, Needs) {
      return std::vector{index_select_backward(dy, shape, at, indices)};
    });
  }
  return y;
}

}  // namespace vitrine
