#include "ops/pad.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/strided.hpp"

namespace vitrine {
namespace {

constexpr int64_t kLargest = int64_t{1} << 30;

using Pads = std::vector<std::pair<int64_t, int64_t>>;

Shape padded(const Shape& shape, const Pads& pads) {
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  bool fits = pads.size() == sizes.size();
  for (size_t i = 0; fits && i < pads.size(); ++i) {
    const auto [low, high] = pads[i];
    fits = std::min(low, high) >= -kLargest && std::max(low, high) <= kLargest;
    if (fits) sizes[i] += low + high;
    // What is cut off at one end may not come from the padding of the other.
    fits = fits && std::min({sizes[i], shape[static_cast<int64_t>(i)] + low,
                             shape[static_cast<int64_t>(i)] + high}) >= 0;
  }
  if (!fits) {
    throw ShapeError(fmt::format(
        "[pad] pads must be a pair per axis of {} that leaves no axis with less than nothing",
        shape.str()));
  }
  return Shape(sizes);
}

}  // namespace

Tensor pad(const Tensor& x, const Pads& pads, float value) {
  const ProfileScope profile("pad");
  check_rank_at_least("pad", "x", x, 0);
  Tensor y = Tensor::full(padded(x.shape(), pads), value);
  const auto x_strides = strides_of(x.shape());
  const auto y_strides = strides_of(y.shape());
  LoopNest loops;
  int64_t x_start = 0;
  int64_t y_start = 0;
  for (size_t i = 0; i < pads.size(); ++i) {
    const auto [low, high] = pads[i];
    const int64_t kept =
        x.shape()[static_cast<int64_t>(i)] + std::min<int64_t>(low, 0) + std::min<int64_t>(high, 0);
    loops.push({std::max<int64_t>(kept, 0), x_strides[i], y_strides[i]});
    x_start += std::max<int64_t>(-low, 0) * x_strides[i];
    y_start += std::max<int64_t>(low, 0) * y_strides[i];
  }
  if (x.numel() > 0 && y.numel() > 0) {
    strided_copy(loops, x.data() + x_start, y.mutable_data() + y_start);
  }
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [pads](const Tensor& dy, Needs) {
      Pads back = pads;
      for (auto& [low, high] : back) low = -low, high = -high;
      return std::vector{pad(dy, back)};
    });
  }
  return y;
}

}  // namespace vitrine
