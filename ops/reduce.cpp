#include "ops/reduce.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/binary.hpp"
#include "ops/expand.hpp"
#include "ops/reduction.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;

/// y[i] = f(y[i]) on the few numbers that a reduction leaves.
template <class F>
void update(Tensor& y, const F& f) {
  float* to = y.mutable_data();
  for (int64_t i = 0; i < y.numel(); ++i) to[i] = f(to[i], i);
}

/// Throws where there is nothing to take the largest of.
void check_not_empty(std::string_view op, const Reduction& r, const Tensor& x) {
  if (r.n > 0 || r.results() == 0) return;
  throw ShapeError(fmt::format("[{}] the reduced axes of {} are empty", op, x.shape().str()));
}

/// Records y as a reduction of x whose gradient is that of the sum times `scale`.
void record_sum(const Tensor& x, Tensor& y, const Shape& kept, float scale) {
  Tape* tape = Tape::recording({&x});
  if (tape == nullptr) return;
  tape->record({&x}, y, [shape = x.shape(), kept, scale](const Tensor& dy, Needs) {
    return std::vector{expand(mul(dy.reshape(kept), scale), shape)};
  });
}

float degrees_of_freedom(const Reduction& r, int64_t correction) {
  return static_cast<float>(std::max<int64_t>(r.n - correction, 0));
}

struct Moments {
  Tensor mean, var;
};

/// Mean and variance in two passes. The rounded mean is off by a little, so the deviations from it
/// do not sum to 0; their mean corrects both (Chan, Golub, LeVeque 1983, eq. 1.7).
Moments moments(const Reduction& r, int64_t correction) {
  const float n = static_cast<float>(r.n);
  const float degrees = degrees_of_freedom(r, correction);
  Tensor mean = reduce_sum(r);
  update(mean, [&](float total, int64_t) { return total / n; });
  Deviations d = reduce_deviations(r, mean);
  const float* sums = d.sums.data();
  update(d.squares,
         [&](float squares, int64_t i) { return (squares - sums[i] * (sums[i] / n)) / degrees; });
  update(mean, [&](float m, int64_t i) { return m + sums[i] / n; });
  return {mean, d.squares};
}

}  // namespace

Tensor sum(const Tensor& x, const AxisList& axes, bool keepdim) {
  const ProfileScope profile("sum");
  const Reduction r("sum", x, axes);
  Tensor y = reduce_sum(r).reshape(r.shape(keepdim));
  record_sum(x, y, r.kept, 1.0F);
  return y;
}

Tensor mean(const Tensor& x, const AxisList& axes, bool keepdim) {
  const ProfileScope profile("mean");
  const Reduction r("mean", x, axes);
  const float n = static_cast<float>(r.n);
  Tensor y = reduce_sum(r).reshape(r.shape(keepdim));
  update(y, [&](float total, int64_t) { return total / n; });
  record_sum(x, y, r.kept, 1.0F / n);
  return y;
}

Tensor var(const Tensor& x, const AxisList& axes, int64_t correction, bool keepdim) {
  const ProfileScope profile("var");
  const Reduction r("var", x, axes);
  const Moments m = moments(r, correction);
  Tensor y = m.var.reshape(r.shape(keepdim));
  if (Tape* tape = Tape::recording({&x})) {
    // d var / dx = 2 (x - mean) / (n - correction)
    const float scale = 2.0F / degrees_of_freedom(r, correction);
    tape->record({&x}, y,
                 [x = Saved(x), mean = m.mean.reshape(r.kept), scale](const Tensor& dy, Needs) {
                   const Tensor weight = mul(dy.reshape(mean.shape()), scale);
                   return std::vector{mul(sub(x, mean), weight)};
                 });
  }
  return y;
}

Tensor std(const Tensor& x, const AxisList& axes, int64_t correction, bool keepdim) {
  const ProfileScope profile("std");
  const Reduction r("std", x, axes);
  Moments m = moments(r, correction);
  update(m.var, [](float v, int64_t) { return std::sqrt(v); });
  Tensor y = m.var.reshape(r.shape(keepdim));
  if (Tape* tape = Tape::recording({&x})) {
    // d std / dx = (x - mean) / ((n - correction) std)
    const float degrees = degrees_of_freedom(r, correction);
    tape->record({&x}, y,
                 [x = Saved(x), mean = m.mean.reshape(r.kept), y = Saved(y), degrees](
                     const Tensor& dy, Needs) {
                   Tensor weight = dy.reshape(mean.shape()).clone();
                   const float* deviation = y.get().data();
                   update(weight, [&](float d, int64_t i) {
                     return deviation[i] == 0.0F ? 0.0F : d / (degrees * deviation[i]);
                   });
                   return std::vector{mul(sub(x, mean), weight)};
                 });
  }
  return y;
}

namespace {

/// amax; `name` is the caller's, for errors.
Tensor largest(const char* name, const Tensor& x, const AxisList& axes, bool keepdim) {
  const ProfileScope profile(name);
  const Reduction r(name, x, axes);
  check_not_empty(name, r, x);
  Tensor y = reduce_max(r).reshape(r.shape(keepdim));
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [x = Saved(x), y = Saved(y), kept = r.kept](const Tensor& dy, Needs) {
      return std::vector{amax_backward(dy.reshape(kept), x, y.get().reshape(kept))};
    });
  }
  return y;
}

}  // namespace

Tensor amax(const Tensor& x, const AxisList& axes, bool keepdim) {
  return largest("amax", x, axes, keepdim);
}

Tensor amin(const Tensor& x, const AxisList& axes, bool keepdim) {
  check_rank_at_least("amin", "x", x, 0);
  return neg(largest("amin", neg(x), axes, keepdim));
}

Tensor amax_backward(const Tensor& dy, const Tensor& x, const Tensor& y) {
  check_shape("amax_backward", "dy", dy, y.shape(), "y", y.shape());
  Tensor winners = expand(y, x.shape());  // then 1 where x is the largest, else 0
  float* to = winners.mutable_data();
  const float* from = x.data();
  parallel_for(x.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = to[i] == from[i] ? 1.0F : 0.0F;
  });
  const Tensor share = div(dy, sum_to(winners, y.shape()));
  return mul(std::move(winners), share);
}

std::vector<int32_t> argmax(const Tensor& x, int64_t axis) {
  const ProfileScope profile("argmax");
  check_rank_at_least("argmax", "x", x, 1);
  const Reduction r("argmax", x, {axis});
  check_not_empty("argmax", r, x);
  std::vector<int32_t> result(static_cast<size_t>(r.results()));
  const float* from = x.data();
  for (int64_t i = 0; i < r.results(); ++i) {
    const float* column = from + i / r.inner * r.n * r.inner + i % r.inner;
    int64_t best = 0;
    float largest = column[0];
    // NaN is not <= anything: the first one ends the search.
    for (int64_t k = 1; k < r.n && largest == largest; ++k) {
      const float value = column[k * r.inner];
      if (value <= largest) continue;
      largest = value;
      best = k;
    }
    result[static_cast<size_t>(i)] = static_cast<int32_t>(best);
  }
  return result;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  const ProfileScope profile("sum_to");
  check_rank_at_least("sum_to", "x", x, 0);
  if (x.shape() == shape) return x;
  const int64_t missing = x.rank() - shape.rank();
  AxisList axes;
  bool fits = missing >= 0;
  for (int64_t i = 0; i < x.rank() && fits; ++i) {
    if (i >= missing && shape[i - missing] == x.shape()[i]) continue;
    fits = i < missing || shape[i - missing] == 1;
    axes.push_back(i);
  }
  if (!fits) {
    throw ShapeError(
        fmt::format("[sum_to] {} does not broadcast to {}", shape.str(), x.shape().str()));
  }
  return sum(x, axes).reshape(shape);
}

}  // namespace vitrine
