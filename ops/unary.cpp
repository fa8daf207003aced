#include "ops/unary.hpp"

#include <string_view>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"
#include "ops/reuse.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;

Tensor unary(std::string_view name, UnaryFunction f, const Tensor& x) {
  const ProfileScope profile(name);
  check_rank_at_least(name, "x", x, 0);
  Tape* tape = Tape::recording({&x});
  const bool keep_x = tape != nullptr && !derivative_from_output(f);
  Tensor y = !keep_x && reusable(x) ? x.detach() : Tensor::empty(x.shape());

  const kernels::Unary& kernel = *kernels::active().unary;
  float* to = y.mutable_data();
  const float* from = x.data();
  parallel_for(x.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
    kernel.forward(f, end - begin, from + begin, to + begin);
  });

  if (tape != nullptr) {
    tape->record({&x}, y, [f, saved = Saved(keep_x ? x : y)](const Tensor& dy, Needs) {
      return std::vector{unary_backward(f, dy, saved)};
    });
  }
  return y;
}

}  // namespace

// By value: an argument that nobody else holds gives its storage to the result.
// NOLINTBEGIN(performance-unnecessary-value-param)
Tensor exp(Tensor x) { return unary("exp", UnaryFunction::kExp, x); }
Tensor log(Tensor x) { return unary("log", UnaryFunction::kLog, x); }
Tensor sqrt(Tensor x) { return unary("sqrt", UnaryFunction::kSqrt, x); }
Tensor square(Tensor x) { return unary("square", UnaryFunction::kSquare, x); }
Tensor abs(Tensor x) { return unary("abs", UnaryFunction::kAbs, x); }
Tensor neg(Tensor x) { return unary("neg", UnaryFunction::kNeg, x); }
Tensor erf(Tensor x) { return unary("erf", UnaryFunction::kErf, x); }
Tensor tanh(Tensor x) { return unary("tanh", UnaryFunction::kTanh, x); }
Tensor sigmoid(Tensor x) { return unary("sigmoid", UnaryFunction::kSigmoid, x); }
Tensor relu(Tensor x) { return unary("relu", UnaryFunction::kRelu, x); }
Tensor silu(Tensor x) { return unary("silu", UnaryFunction::kSilu, x); }
Tensor gelu(Tensor x) { return unary("gelu", UnaryFunction::kGelu, x); }
Tensor gelu_tanh(Tensor x) { return unary("gelu_tanh", UnaryFunction::kGeluTanh, x); }
Tensor quick_gelu(Tensor x) { return unary("quick_gelu", UnaryFunction::kQuickGelu, x); }
// NOLINTEND(performance-unnecessary-value-param)

Tensor unary_backward(UnaryFunction f, const Tensor& dy, const Tensor& saved) {
  check_rank_at_least("unary_backward", "saved", saved, 0);
  check_shape("unary_backward", "dy", dy, saved.shape(), "saved", saved.shape());
  Tensor dx = Tensor::empty(dy.shape());
  const kernels::Unary& kernel = *kernels::active().unary;
  float* to = dx.mutable_data();
  parallel_for(dy.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
    kernel.backward(f, end - begin, dy.data() + begin, saved.data() + begin, to + begin);
  });
  return dx;
}

}  // namespace vitrine
