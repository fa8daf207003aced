#include "ops/concat.hpp"

#include <vector>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "core/reused.hpp"
#include "core/tape.hpp"
#include "ops/slice.hpp"
#include "ops/strided.hpp"

namespace vitrine {
namespace {

/// The shape of the result. Throws if the parts do not fit.
Shape joined_shape(std::span<const Tensor> parts, int64_t axis) {
  const Shape& first = parts[0].shape();
  int64_t size = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    check_rank_at_least("concat", fmt::format("part {}", i), parts[i], 1);
    const Shape& shape = parts[i].shape();
    if (shape.rank() != first.rank() || shape.with(axis, 0) != first.with(axis, 0)) {
      throw ShapeError(
          fmt::format("[concat] part {} must match part 0 {} on every axis but {}, "
                      "got {}",
                      i, first.str(), axis, shape.str()));
    }
    size += shape[axis];
  }
  return first.with(axis, size);
}

}  // namespace

Tensor concat(std::span<const Tensor> parts, int64_t axis) {
  const ProfileScope profile("concat");
  check(!parts.empty(), "concat", "needs at least one part");
  check_rank_at_least("concat", "part 0", parts[0], 1);
  const int64_t at = parts[0].shape().normalize_axis(axis);
  Tensor y = Tensor::empty(joined_shape(parts, at));

  // Seen as matrices: (what is before the axis, the axis and what follows it).
  const int64_t rows = y.shape().product(0, at);
  const int64_t pitch = y.shape().product(at, y.rank());
  float* to = y.mutable_data();
  ReusedVector<const Tensor*> inputs;
  ReusedVector<int64_t> sizes;
  for (const Tensor& part : parts) {
    const int64_t width = part.shape().product(at, part.rank());
    LoopNest loops;
    loops.push({rows, width, pitch});
    loops.push({width, 1, 1});
    strided_copy(loops, part.data(), to);
    to += width;
    inputs.push_back(&part);
    sizes.push_back(part.shape()[at]);
  }

  if (Tape* tape = Tape::recording(inputs)) {
    tape->record(inputs, y, [sizes, at](const Tensor& dy, Needs needs) {
      std::vector<Tensor> gradients(sizes.size());
      int64_t start = 0;
      for (size_t i = 0; i < sizes.size(); ++i) {
        const int64_t stop = start + sizes[i];
        if (needs[static_cast<int64_t>(i)]) gradients[i] = slice_axis(dy, at, start, stop);
        start = stop;
      }
      return gradients;
    });
  }
  return y;
}

Tensor stack(std::span<const Tensor> parts, int64_t axis) {
  check(!parts.empty(), "stack", "needs at least one part");
  check_rank_at_least("stack", "part 0", parts[0], 0);
  const Shape& shape = parts[0].shape();
  const int64_t at = axis < 0 ? axis + shape.rank() + 1 : axis;
  if (at < 0 || at > shape.rank()) {
    throw ShapeError(fmt::format("[stack] axis {} is out of range for a result of {} axes", axis,
                                 shape.rank() + 1));
  }
  std::vector<int64_t> with_axis(shape.begin(), shape.end());
  with_axis.insert(with_axis.begin() + at, 1);
  std::vector<Tensor> rows;
  for (size_t i = 0; i < parts.size(); ++i) {
    check_shape("stack", fmt::format("part {}", i), parts[i], shape, "part 0", shape);
    rows.push_back(parts[i].reshape(Shape(with_axis)));
  }
  return concat(rows, at);
}

}  // namespace vitrine
