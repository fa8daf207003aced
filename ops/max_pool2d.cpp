#include "ops/max_pool2d.hpp"

#include <algorithm>
#include <memory>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/pool_grid.hpp"

namespace vitrine {
namespace {

// Pixels are numbered within their window, as floats.
constexpr int64_t kLargestWindow = int64_t{1} << 24;

using GridPtr = std::shared_ptr<const PoolGrid>;

/// Throws unless every window sees something, and not too much.
GridPtr checked(const char* op, PoolGrid grid) {
  int64_t largest = 1;
  for (const PoolAxis* axis : {&grid.h, &grid.w}) {
    int64_t longest = 0;
    for (const PoolAxis::Span& span : axis->spans) {
      check(span.count > 0, op, "a window sees no pixel of the image");
      longest = std::max(longest, span.count);
    }
    largest *= longest;
  }
  check(largest <= kLargestWindow, op, "a window has more than 2^24 pixels");
  return std::allocate_shared<const PoolGrid>(Reused<PoolGrid>(), std::move(grid));
}

GridPtr fixed_grid(const char* op, const Tensor& x, const Window& window, bool ceil_mode) {
  check_images(op, x);
  return checked(op, pool_grid(op, {x.dim(1), x.dim(2)}, window, ceil_mode));
}

GridPtr adaptive_grid(const char* op, const Tensor& x, Size2d size) {
  check_images(op, x);
  return checked(op, adaptive_pool_grid(op, {x.dim(1), x.dim(2)}, size));
}

Tensor max_pool2d_backward(const Tensor& dy, const Tensor& winner, const PoolGrid& grid,
                           const Shape& shape) {
  Tensor dx = Tensor::zeros(shape);
  float* to = dx.mutable_data();
  const kernels::Pool2d& kernel = *kernels::active().pool2d;
  grid.for_each_seen(shape, [&](int64_t, int64_t, int64_t pixel, int64_t y_at, int64_t x_at) {
    kernel.add_where(shape[3], dy.data() + y_at, winner.data() + y_at, static_cast<float>(pixel),
                     to + x_at);
  });
  return dx;
}

struct Winners {
  Tensor y;
  Tensor winner;  // the number of the pixel within its window
};

Winners pool(const Tensor& x, const GridPtr& grid) {
  const int64_t channels = x.dim(3);
  Winners result{Tensor::empty(grid->pooled(x.shape())), Tensor::empty(grid->pooled(x.shape()))};
  float* y = result.y.mutable_data();
  float* winner = result.winner.mutable_data();
  const kernels::Pool2d& kernel = *kernels::active().pool2d;
  grid->for_each_window(x.shape(), [&](int64_t i, int64_t j, int64_t x_at, int64_t y_at) {
    kernel.max(grid->window(i, j, channels), channels, x.data() + x_at, y + y_at, winner + y_at);
  });
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, result.y,
                 [winner = result.winner, grid, shape = x.shape()](const Tensor& dy, Needs) {
                   return std::vector{max_pool2d_backward(dy, winner, *grid, shape)};
                 });
  }
  return result;
}

/// The number of the winner within its image instead of its window.
MaxPool2d with_indices(const char* op, const Tensor& x, const GridPtr& grid) {
  check(x.dim(1) * x.dim(2) <= INT32_MAX, op, "images have too many pixels for 32-bit indices");
  const Winners winners = pool(x, grid);
  MaxPool2d result{winners.y, {}};
  result.indices.reserve(static_cast<size_t>(winners.winner.numel()));
  int64_t at = 0;
  for (const float winner : winners.winner.values()) {
    const int64_t place = at++ / x.dim(3);
    const PoolAxis::Span& h = grid->h[place / grid->w.places() % grid->h.places()];
    const PoolAxis::Span& w = grid->w[place % grid->w.places()];
    const auto pixel = static_cast<int64_t>(winner);
    const int64_t row = h.first + pixel / w.count * grid->h.step;
    const int64_t column = w.first + pixel % w.count * grid->w.step;
    result.indices.push_back(static_cast<int32_t>(row * x.dim(2) + column));
  }
  return result;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const Window& window, bool ceil_mode) {
  const ProfileScope profile("max_pool2d");
  return pool(x, fixed_grid("max_pool2d", x, window, ceil_mode)).y;
}

Tensor adaptive_max_pool2d(const Tensor& x, Size2d size) {
  const ProfileScope profile("adaptive_max_pool2d");
  return pool(x, adaptive_grid("adaptive_max_pool2d", x, size)).y;
}

MaxPool2d max_pool2d_with_indices(const Tensor& x, const Window& window, bool ceil_mode) {
  const ProfileScope profile("max_pool2d");
  return with_indices("max_pool2d", x, fixed_grid("max_pool2d", x, window, ceil_mode));
}

MaxPool2d adaptive_max_pool2d_with_indices(const Tensor& x, Size2d size) {
  const ProfileScope profile("adaptive_max_pool2d");
  return with_indices("adaptive_max_pool2d", x, adaptive_grid("adaptive_max_pool2d", x, size));
}

}  // namespace vitrine
