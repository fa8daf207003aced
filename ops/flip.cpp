#include "ops/flip.hpp"

#include <array>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/strided.hpp"

namespace vitrine {

Tensor flip(const Tensor& x, const std::vector<int64_t>& axes) {
  const ProfileScope profile("flip");
  check_rank_at_least("flip", "x", x, 0);
  std::array<bool, Shape::kMaxRank> reversed{};
  for (const int64_t axis : axes) {
    bool& named = reversed[static_cast<size_t>(axis_or_scalar(x.shape(), axis))];
    check(!named, "flip", "an axis is named twice");
    named = true;
  }
  Tensor y = Tensor::empty(x.shape());
  const auto strides = strides_of(x.shape());
  LoopNest loops;
  int64_t start = 0;
  for (int64_t i = 0; i < x.rank(); ++i) {
    const int64_t stride = strides[static_cast<size_t>(i)];
    const bool back = reversed[static_cast<size_t>(i)];
    if (back) start += (x.shape()[i] - 1) * stride;
    loops.push({x.shape()[i], back ? -stride : stride, stride});
  }
  if (y.numel() > 0) strided_copy(loops, x.data() + start, y.mutable_data());
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [axes](const Tensor& dy, Needs) { return std::vector{flip(dy, axes)}; });
  }
  return y;
}

}  // namespace vitrine
