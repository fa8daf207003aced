#include "ops/slice.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/strided.hpp"

namespace vitrine {
namespace {

/// Position `at` of an axis of `size` elements, with Python's meaning of negative and too large
/// ones.
int64_t position(int64_t at, int64_t size) {
  if (at < 0) at += size;  // cannot overflow: at < 0 <= size
  return std::clamp<int64_t>(at, 0, size);
}

struct Slice {
  Shape shape;        // of the result
  int64_t start = 0;  // floats
  LoopNest loops;     // a: in x, b: in the result
};

Slice plan(const Shape& x, const AxisList& starts, const AxisList& stops, const AxisList& steps) {
  const size_t rank = static_cast<size_t>(x.rank());
  if (starts.size() != rank || stops.size() != rank || (!steps.empty() && steps.size() != rank)) {
    throw ShapeError(fmt::format("[slice] {} needs {} starts, stops and steps, got {}, {} and {}",
                                 x.str(), rank, starts.size(), stops.size(), steps.size()));
  }
  Slice result;
  AxisList sizes;
  const auto x_strides = strides_of(x);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t size = x[static_cast<int64_t>(i)];
    const int64_t step = steps.empty() ? 1 : steps[i];
    if (step < 1) {
      throw UsageError(fmt::format("[slice] step {} of axis {} must be at least 1", step, i));
    }
    const int64_t start = position(starts[i], size);
    const int64_t length = std::max<int64_t>(position(stops[i], size) - start, 0);
    sizes.push_back(length / step + (length % step != 0 ? 1 : 0));
    result.start += start * x_strides[i];
  }
  result.shape = sizes.shape();
  const auto y_strides = strides_of(result.shape);
  for (size_t i = 0; i < rank; ++i) {
    // A step beyond the end leaves one element, whose axis is dropped.
    const int64_t step = steps.empty() || sizes[i] <= 1 ? 1 : steps[i];
    result.loops.push({sizes[i], step * x_strides[i], y_strides[i]});
  }
  return result;
}

}  // namespace

Tensor slice(const Tensor& x, const AxisList& starts, const AxisList& stops,
             const AxisList& steps) {
  const ProfileScope profile("slice");
  check_rank_at_least("slice", "x", x, 0);
  const Slice s = plan(x.shape(), starts, stops, steps);
  Tensor y = Tensor::empty(s.shape);
  if (y.numel() > 0) strided_copy(s.loops, x.data() + s.start, y.mutable_data());
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [before = x.shape(), starts, stops, steps](const Tensor& dy, Needs) {
      return std::vector{slice_backward(dy, before, starts, stops, steps)};
    });
  }
  return y;
}

Tensor slice_backward(const Tensor& dy, const Shape& shape, const AxisList& starts,
                      const AxisList& stops, const AxisList& steps) {
  const Slice s = plan(shape, starts, stops, steps);
  check_shape("slice_backward", "dy", dy, s.shape, "x", shape);
  Tensor dx = Tensor::zeros(shape);
  if (dy.numel() == 0) return dx;
  LoopNest back;
  for (int64_t i = s.loops.rank() - 1; i >= 0; --i) {
    const LoopAxis axis = s.loops.inner(i);
    back.push({axis.size, axis.b, axis.a});
  }
  strided_copy(back, dy.data(), dx.mutable_data() + s.start);
  return dx;
}

Tensor slice_axis(const Tensor& x, int64_t axis, int64_t start, int64_t stop, int64_t step) {
  check_rank_at_least("slice", "x", x, 1);
  const size_t rank = static_cast<size_t>(x.rank());
  const size_t at = static_cast<size_t>(x.shape().normalize_axis(axis));
  AxisList starts(rank, 0);
  AxisList stops(rank, kEnd);
  AxisList steps(rank, 1);
  starts[at] = start;
  stops[at] = stop;
  steps[at] = step;
  return slice(x, starts, stops, steps);
}

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis) {
  check_rank_at_least("split", "x", x, 1);
  const int64_t at = x.shape().normalize_axis(axis);
  int64_t left = x.shape()[at];
  bool fits = true;
  for (const int64_t size : sizes) {
    fits = fits && size >= 0 && size <= left;
    if (fits) left -= size;
  }
  if (!fits || left != 0) {
    throw ShapeError(fmt::format("[split] sizes ({}) must add up to axis {} of {}",
                                 fmt::join(sizes, ", "), at, x.shape().str()));
  }
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (const int64_t size : sizes) {
    parts.push_back(slice_axis(x, at, start, start + size));
    start += size;
  }
  return parts;
}

}  // namespace vitrine
