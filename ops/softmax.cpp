#include "ops/softmax.hpp"

#include <array>

#include "core/check.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/softmax.hpp"

namespace vitrine {
namespace {

// Some microseconds of work per chunk; an element costs about a nanosecond.
constexpr int64_t kChunkElements = 1 << 13;

/// A tensor seen as rows along one axis: row (o, i) begins at o * width * inner + i, and its
/// elements are `inner` apart.
struct Rows {
  int64_t count, width, inner;

  int64_t grain() const {
    return std::max<int64_t>(kChunkElements / std::max<int64_t>(width, 1), 1);
  }
  int64_t begin(int64_t row) const { return row / inner * width * inner + row % inner; }
};

Rows rows_along(std::string_view op, const Tensor& x, int64_t axis) {
  check(x.defined(), op, "x must be a tensor, got nothing");
  const Shape& shape = x.shape();
  const int64_t a = axis_or_scalar(shape, axis);
  if (shape.rank() == 0) return {1, 1, 1};
  const int64_t inner = shape.product(a + 1, shape.rank());
  return {shape.product(0, a) * inner, shape[a], inner};
}

void gather(const Rows& rows, int64_t begin, int64_t end, const float* from, float* to) {
  for (int64_t r = begin; r < end; ++r) {
    const float* row = from + rows.begin(r);
    for (int64_t i = 0; i < rows.width; ++i) *to++ = row[i * rows.inner];
  }
}

void scatter(const Rows& rows, int64_t begin, int64_t end, const float* from, float* to) {
  for (int64_t r = begin; r < end; ++r) {
    float* row = to + rows.begin(r);
    for (int64_t i = 0; i < rows.width; ++i) row[i * rows.inner] = *from++;
  }
}

/// f(count of rows, inputs, output) on contiguous rows, N inputs. Rows of another axis than the
/// last are copied to scratch memory and back, so that every axis gets the same arithmetic.
template <size_t N, class F>
Tensor along(const Rows& rows, const std::array<const float*, N>& inputs, const Shape& shape,
             const F& f) {
  Tensor out = Tensor::empty(shape);
  float* to = out.mutable_data();
  const bool strided = rows.inner > 1;
  const int64_t grain = rows.grain();
  const int64_t part = grain * rows.width;  // floats of one input of a chunk
  const int64_t parts = static_cast<int64_t>(N) + 1;
  const Buffer scratch = scratch_floats(strided ? threads() * parts * part : 0);
  parallel_chunks(rows.count, grain, [&](int64_t, int64_t begin, int64_t end, int worker) {
    std::array<const float*, N> in = inputs;
    if (!strided) {
      for (const float*& from : in) from += begin * rows.width;
      f(end - begin, in, to + begin * rows.width);
      return;
    }
    float* own = scratch.floats() + worker * parts * part;
    for (const float*& from : in) {
      gather(rows, begin, end, from, own);
      from = own;
      own += part;
    }
    f(end - begin, in, own);
    scatter(rows, begin, end, own, to);
  });
  return out;
}

using ForwardKernel = decltype(kernels::Softmax::forward);
using BackwardKernel = decltype(kernels::Softmax::backward);

Tensor run(const Rows& rows, ForwardKernel kernel, const Tensor& x) {
  return along<1>(rows, {x.data()}, x.shape(), [&](int64_t count, const auto& in, float* out) {
    kernel(count, rows.width, in[0], out);
  });
}

Tensor run_backward(std::string_view op, BackwardKernel kernel, const Tensor& dy, const Tensor& y,
                    int64_t axis) {
  const Rows rows = rows_along(op, y, axis);
  check_shape(op, "dy", dy, y.shape(), "y", y.shape());
  return along<2>(rows, {dy.data(), y.data()}, y.shape(),
                  [&](int64_t count, const auto& in, float* out) {
                    kernel(count, rows.width, in[0], in[1], out);
                  });
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis) {
  const ProfileScope profile("softmax");
  const Rows rows = rows_along("softmax", x, axis);
  Tensor y = run(rows, kernels::active().softmax->forward, x);
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [y = Saved(y), axis](const Tensor& dy, Needs) {
      return std::vector{softmax_backward(dy, y, axis)};
    });
  }
  return y;
}

Tensor log_softmax(const Tensor& x, int64_t axis) {
  const ProfileScope profile("log_softmax");
  const Rows rows = rows_along("log_softmax", x, axis);
  Tensor y = run(rows, kernels::active().softmax->log_forward, x);
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [y = Saved(y), axis](const Tensor& dy, Needs) {
      return std::vector{log_softmax_backward(dy, y, axis)};
    });
  }
  return y;
}

Tensor softmax_backward(const Tensor& dy, const Tensor& y, int64_t axis) {
  return run_backward("softmax_backward", kernels::active().softmax->backward, dy, y, axis);
}

Tensor log_softmax_backward(const Tensor& dy, const Tensor& y, int64_t axis) {
  return run_backward("log_softmax_backward", kernels::active().softmax->log_backward, dy, y, axis);
}

}  // namespace vitrine
