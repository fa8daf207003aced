// Interpolation along one axis is a product with a thin matrix: a few taps per new pixel. Images
// are interpolated along H, then along W; backward goes through the transposed matrices.

#include "ops/interpolate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/pool2d.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;
// Sides of images: the taps of an axis are held in memory.
constexpr int64_t kLargest = int64_t{1} << 20;

struct Tap {
  int64_t from;
  float weight;
};

/// The matrix of one axis, row by row; `size` is its number of columns.
struct Taps {
  int64_t size;
  std::vector<std::vector<Tap>> rows;

  int64_t count() const { return static_cast<int64_t>(rows.size()); }
  Taps transposed() const {
    Taps result{count(), std::vector<std::vector<Tap>>(static_cast<size_t>(size))};
    for (int64_t i = 0; i < count(); ++i) {
      for (const Tap& tap : rows[static_cast<size_t>(i)]) {
        result.rows[static_cast<size_t>(tap.from)].push_back({i, tap.weight});
      }
    }
    return result;
  }
};

/// Keys' kernel.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

/// Old pixels per new one.
double step_of(int64_t size, int64_t count, bool align_corners, std::optional<double> scale) {
  if (align_corners) {
    return count > 1 ? static_cast<double>(size - 1) / static_cast<double>(count - 1) : 0;
  }
  return scale.has_value() ? 1 / *scale : static_cast<double>(size) / static_cast<double>(count);
}

/// PyTorch finds the nearest pixel in float32, so that is what decides.
std::vector<Tap> nearest_taps(int64_t i, int64_t size, double step) {
  const float at = std::floor(static_cast<float>(i) * static_cast<float>(step));
  return {{std::min(static_cast<int64_t>(at), size - 1), 1.0F}};
}

/// The pixels around `at`; those beyond a border are the border's.
std::vector<Tap> sharp_taps(double at, int64_t size, Interpolation mode) {
  const bool is_cubic = mode == Interpolation::kBicubic;
  if (!is_cubic) at = std::max(at, 0.0);
  const auto first = static_cast<int64_t>(std::floor(at));
  std::vector<Tap> taps;
  for (int64_t k = is_cubic ? -1 : 0; k <= (is_cubic ? 2 : 1); ++k) {
    const double distance = at - static_cast<double>(first + k);
    const double weight = is_cubic ? cubic(distance, -0.75) : 1 - std::abs(distance);
    taps.push_back({std::clamp<int64_t>(first + k, 0, size - 1), static_cast<float>(weight)});
  }
  return taps;
}

/// All pixels under a kernel that is stretched when shrinking.
std::vector<Tap> antialiased_taps(int64_t i, int64_t size, double step, Interpolation mode) {
  const bool is_cubic = mode == Interpolation::kBicubic;
  const double stretch = std::max(step, 1.0);
  const double support = (is_cubic ? 2 : 1) * stretch;
  const double center = step * (static_cast<double>(i) + 0.5);
  const auto last = static_cast<double>(size);
  const auto begin = static_cast<int64_t>(std::clamp(center - support + 0.5, 0.0, last - 1));
  const auto end = static_cast<int64_t>(std::clamp(center + support + 0.5, 0.0, last));
  std::vector<double> weights;
  weights.reserve(static_cast<size_t>(end - begin));
  double total = 0;
  for (int64_t p = begin; p < end; ++p) {
    const double x = (static_cast<double>(p) - center + 0.5) / stretch;
    weights.push_back(is_cubic ? cubic(x, -0.5) : std::max(0.0, 1 - std::abs(x)));
    total += weights.back();
  }
  std::vector<Tap> taps;
  taps.reserve(weights.size());
  for (int64_t p = begin; p < end; ++p) {
    const double weight = weights[static_cast<size_t>(p - begin)] / total;
    taps.push_back({p, static_cast<float>(weight)});
  }
  return taps;
}

Taps taps_of(int64_t size, int64_t count, const InterpolateOptions& o,
             std::optional<double> scale) {
  const double step = step_of(size, count, o.align_corners, scale);
  Taps taps{size, {}};
  taps.rows.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    if (o.mode == Interpolation::kNearest) {
      taps.rows.push_back(nearest_taps(i, size, step));
    } else if (o.antialias) {
      taps.rows.push_back(antialiased_taps(i, size, step, o.mode));
    } else {
      const auto place = static_cast<double>(i);
      const double at = o.align_corners ? step * place : step * (place + 0.5) - 0.5;
      taps.rows.push_back(sharp_taps(at, size, o.mode));
    }
  }
  return taps;
}

/// (outer, taps.size, inner) -> (outer, taps.count(), inner)
Tensor resample(const Tensor& x, int64_t outer, const Taps& taps, int64_t inner) {
  Tensor y = Tensor::zeros({outer, taps.count(), inner});
  float* to = y.mutable_data();
  const kernels::Pool2d& kernel = *kernels::active().pool2d;
  const int64_t grain = kChunkElements / std::max<int64_t>(inner, 1) + 1;
  parallel_for(outer * taps.count(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const float* from = x.data() + line / taps.count() * taps.size * inner;
      for (const Tap& tap : taps.rows[static_cast<size_t>(line % taps.count())]) {
        kernel.add_scaled(inner, from + tap.from * inner, tap.weight, to + line * inner);
      }
    }
  });
  return y;
}

/// Along H, then along W: (B, H, W, C) -> (B, h.count(), w.count(), C).
Tensor resample_both(const Tensor& x, const Taps& h, const Taps& w) {
  const int64_t batch = x.dim(0);
  const int64_t channels = x.dim(3);
  const Tensor lines = resample(x, batch, h, w.size * channels);
  return resample(lines, batch * h.count(), w, channels)
      .reshape({batch, h.count(), w.count(), channels});
}

void check_options(const Tensor& x, Size2d size, const InterpolateOptions& o) {
  check_images("interpolate", x);
  const auto [least, most] = std::minmax({size.h, size.w, x.dim(1), x.dim(2)});
  if (least < 1 || most > kLargest) {
    throw ShapeError(fmt::format("[interpolate] sides must be from 1 to {}, got {} to ({}, {})",
                                 kLargest, x.shape().str(), size.h, size.w));
  }
  check_usage(o.mode != Interpolation::kNearest || (!o.align_corners && !o.antialias),
              "interpolate", "the nearest pixel knows no align_corners and no antialias");
  for (const auto& scale : {o.scale_h, o.scale_w}) {
    check_usage(!scale.has_value() || (*scale > 0 && std::isfinite(*scale)), "interpolate",
                "scales must be above 0");
  }
}

}  // namespace

Tensor interpolate(const Tensor& x, Size2d size, const InterpolateOptions& o) {
  const ProfileScope profile("interpolate");
  check_options(x, size, o);
  const auto h = std::make_shared<const Taps>(taps_of(x.dim(1), size.h, o, o.scale_h));
  const auto w = std::make_shared<const Taps>(taps_of(x.dim(2), size.w, o, o.scale_w));
  Tensor y = resample_both(x.detach(), *h, *w);
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [h, w](const Tensor& dy, Needs) {
      return std::vector{resample_both(dy, h->transposed(), w->transposed())};
    });
  }
  return y;
}

}  // namespace vitrine
