#include "ops/gated.hpp"

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gated.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 13;

int64_t rows_per_chunk(int64_t width) {
  return std::max<int64_t>(kChunkElements / std::max<int64_t>(width, 1), 1);
}

/// y (rows, width) = f(a) b, whose rows are `pitch` apart.
Tensor forward(Activation f, const Shape& shape, const float* a, const float* b, int64_t pitch) {
  Tensor y = Tensor::empty(shape);
  const int64_t width = shape.dim(-1);
  float* to = y.mutable_data();
  const kernels::Gated& kernel = *kernels::active().gated;
  parallel_for(rows_of(y), rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    kernel.forward(f, end - begin, width, a + begin * pitch, b + begin * pitch, pitch,
                   to + begin * width);
  });
  return y;
}

void backward(Activation f, const Tensor& dy, const float* a, const float* b, int64_t pitch,
              float* da, float* db) {
  const int64_t width = dy.dim(-1);
  const kernels::Gated& kernel = *kernels::active().gated;
  parallel_for(rows_of(dy), rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    const int64_t at = begin * pitch;
    kernel.backward(f, end - begin, width, dy.data() + begin * width, a + at, b + at, pitch,
                    da + at, db + at);
  });
}

}  // namespace

Tensor gated(const Tensor& x, Activation f) {
  const ProfileScope profile("gated");
  check_rank_at_least("gated", "x", x, 1);
  const int64_t width = x.dim(-1) / 2;
  check(x.dim(-1) == 2 * width, "gated", "x must have rows of a gate and a value of one size");
  Tensor y = forward(f, x.shape().with(-1, width), x.data(), x.data() + width, 2 * width);
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [x = Saved(x), f](const Tensor& dy, Needs) {
      return std::vector{gated_backward(dy, x, f)};
    });
  }
  return y;
}

Tensor gated(const Tensor& a, const Tensor& b, Activation f) {
  const ProfileScope profile("gated");
  check_rank_at_least("gated", "a", a, 1);
  check_shape("gated", "b", b, a.shape(), "a", a.shape());
  Tensor y = forward(f, a.shape(), a.data(), b.data(), a.dim(-1));
  if (Tape* tape = Tape::recording({&a, &b})) {
    tape->record({&a, &b}, y, [a = Saved(a), b = Saved(b), f](const Tensor& dy, Needs) {
      const Tensor& gate = a;
      const Tensor& value = b;
      Tensor da = Tensor::empty(dy.shape());
      Tensor db = Tensor::empty(dy.shape());
      backward(f, dy, gate.data(), value.data(), dy.dim(-1), da.mutable_data(), db.mutable_data());
      return std::vector{da, db};
    });
  }
  return y;
}

Tensor gated_backward(const Tensor& dy, const Tensor& x, Activation f) {
  const int64_t width = x.dim(-1) / 2;
  check_shape("gated_backward", "dy", dy, x.shape().with(-1, width), "x", x.shape());
  Tensor dx = Tensor::empty(x.shape());
  float* to = dx.mutable_data();
  backward(f, dy, x.data(), x.data() + width, 2 * width, to, to + width);
  return dx;
}

}  // namespace vitrine
