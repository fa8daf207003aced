#include "ops/permute.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <numeric>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/strided.hpp"

namespace vitrine {
namespace {

/// `axes` with every entry in [0, rank). Throws unless each axis is there once.
AxisList checked(const Tensor& x, const AxisList& axes) {
  AxisList result;
  std::array<bool, Shape::kMaxRank> seen{};
  for (const int64_t axis : axes) {
    const int64_t a = axis < 0 ? axis + x.rank() : axis;
    if (a < 0 || a >= x.rank() || seen[static_cast<size_t>(a)]) break;
    seen[static_cast<size_t>(a)] = true;
    result.push_back(a);
  }
  if (result.size() != axes.size() || static_cast<int64_t>(axes.size()) != x.rank()) {
    throw ShapeError(fmt::format("[permute] axes ({}) must name every axis of {} once",
                                 fmt::join(axes, ", "), x.shape().str()));
  }
  return result;
}

}  // namespace

Tensor permute(const Tensor& x, const AxisList& axes) {
  const ProfileScope profile("permute");
  check_rank_at_least("permute", "x", x, 0);
  const AxisList order = checked(x, axes);
  AxisList sizes;
  for (const int64_t axis : order) sizes.push_back(x.shape()[axis]);
  Tensor y = Tensor::empty(sizes.shape());

  const auto x_strides = strides_of(x.shape());
  const auto y_strides = strides_of(y.shape());
  LoopNest loops;
  for (size_t i = 0; i < order.size(); ++i) {
    loops.push({sizes[i], x_strides[static_cast<size_t>(order[i])], y_strides[i]});
  }
  strided_copy(loops, x.data(), y.mutable_data());

  if (Tape* tape = Tape::recording({&x})) {
    AxisList inverse(order.size(), 0);
    for (size_t i = 0; i < order.size(); ++i) {
      inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    }
    tape->record({&x}, y,
                 [inverse](const Tensor& dy, Needs) { return std::vector{permute(dy, inverse)}; });
  }
  return y;
}

Tensor transpose(const Tensor& x, int64_t axis0, int64_t axis1) {
  check_rank_at_least("transpose", "x", x, 0);
  AxisList axes(static_cast<size_t>(x.rank()), 0);
  std::iota(axes.begin(), axes.end(), 0);
  const auto a = static_cast<size_t>(axis_or_scalar(x.shape(), axis0));
  const auto b = static_cast<size_t>(axis_or_scalar(x.shape(), axis1));
  if (a != b) std::swap(axes[a], axes[b]);
  return permute(x, axes);
}

}  // namespace vitrine
