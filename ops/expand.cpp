#include "ops/expand.hpp"

#include "core/check.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/reduce.hpp"
#include "ops/strided.hpp"

namespace vitrine {

Tensor expand(const Tensor& x, const Shape& shape) {
  const ProfileScope profile("expand");
  check_rank_at_least("expand", "x", x, 0);
  const int64_t missing = shape.rank() - x.rank();
  bool fits = missing >= 0;
  for (int64_t i = 0; i < x.rank() && fits; ++i) {
    fits = x.shape()[i] == 1 || x.shape()[i] == shape[i + missing];
  }
  if (!fits) {
    throw ShapeError(
        fmt::format("[expand] {} does not broadcast to {}", x.shape().str(), shape.str()));
  }
  Tensor y = Tensor::empty(shape);

  const auto x_strides = strides_of(x.shape());
  const auto y_strides = strides_of(shape);
  LoopNest loops;
  for (int64_t i = 0; i < shape.rank(); ++i) {
    const bool repeated = i < missing || x.shape()[i - missing] == 1;
    loops.push({shape[i], repeated ? 0 : x_strides[static_cast<size_t>(i - missing)],
                y_strides[static_cast<size_t>(i)]});
  }
  strided_copy(loops, x.data(), y.mutable_data());

  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [before = x.shape()](const Tensor& dy, Needs) {
      return std::vector{sum_to(dy, before)};
    });
  }
  return y;
}

}  // namespace vitrine
