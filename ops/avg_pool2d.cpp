#include "ops/avg_pool2d.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/pool_grid.hpp"

namespace vitrine {
namespace {

/// The windows, and what their sums are multiplied by.
struct Means {
  PoolGrid grid;
  bool count_padding;
  std::optional<int64_t> divisor;

  float factor(int64_t i, int64_t j) const {
    const PoolAxis::Span& h = grid.h[i];
    const PoolAxis::Span& w = grid.w[j];
    const int64_t pixels = count_padding ? h.extent * w.extent : h.count * w.count;
    return 1.0F / static_cast<float>(divisor.value_or(pixels));
  }
};

Tensor avg_pool2d_backward(const Tensor& dy, const Means& means, const Shape& shape) {
  Tensor dx = Tensor::zeros(shape);
  float* to = dx.mutable_data();
  const kernels::Pool2d& kernel = *kernels::active().pool2d;
  means.grid.for_each_seen(shape, [&](int64_t i, int64_t j, int64_t, int64_t y_at, int64_t x_at) {
    kernel.add_scaled(shape[3], dy.data() + y_at, means.factor(i, j), to + x_at);
  });
  return dx;
}

Tensor pool(const Tensor& x, Means given) {
  const auto means = std::allocate_shared<const Means>(Reused<Means>(), std::move(given));
  const PoolGrid& grid = means->grid;
  const int64_t channels = x.dim(3);
  Tensor y = Tensor::empty(grid.pooled(x.shape()));
  float* to = y.mutable_data();
  const kernels::Pool2d& kernel = *kernels::active().pool2d;
  grid.for_each_window(x.shape(), [&](int64_t i, int64_t j, int64_t x_at, int64_t y_at) {
    kernel.sum(grid.window(i, j, channels), channels, x.data() + x_at, means->factor(i, j),
               to + y_at);
  });
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [means, shape = x.shape()](const Tensor& dy, Needs) {
      return std::vector{avg_pool2d_backward(dy, *means, shape)};
    });
  }
  return y;
}

}  // namespace

Tensor avg_pool2d(const Tensor& x, const Window& window, const AvgPool2dOptions& o) {
  const ProfileScope profile("avg_pool2d");
  check_images("avg_pool2d", x);
  check_usage(o.divisor != 0, "avg_pool2d", "the divisor must not be 0");
  check_usage(window.dilation == Size2d{1, 1}, "avg_pool2d", "the dilation must be 1");
  const Size2d image{x.dim(1), x.dim(2)};
  return pool(
      x, {pool_grid("avg_pool2d", image, window, o.ceil_mode), o.count_include_pad, o.divisor});
}

Tensor adaptive_avg_pool2d(const Tensor& x, Size2d size) {
  const ProfileScope profile("adaptive_avg_pool2d");
  check_images("adaptive_avg_pool2d", x);
  const Size2d image{x.dim(1), x.dim(2)};
  return pool(x, {adaptive_pool_grid("adaptive_avg_pool2d", image, size), false, std::nullopt});
}

}  // namespace vitrine
