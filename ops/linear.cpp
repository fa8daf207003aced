#include "ops/linear.hpp"

#include <utility>

#include "core/profile.hpp"
#include "ops/activation.hpp"
#include "ops/binary.hpp"
#include "ops/check.hpp"
#include "ops/gemm.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

void check_arguments(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_rank(op, "x", x, 1);
  check_rank(op, "weight", weight, 2);
  check_shape(op, "weight", weight, {weight.dim(0), x.dim(-1)});
  if (bias.defined()) check_shape(op, "bias", bias, {weight.dim(0)});
}

/// (..., N) = epilogue(x W^T)
Tensor product(const Tensor& x, const Tensor& weight, const GemmEpilogue& epilogue) {
  const int64_t n = weight.dim(0);
  const int64_t k = weight.dim(1);
  Tensor y = Tensor::empty(x.shape().with(-1, n));
  const int64_t m = rows_of(x);
  if (const auto packed = packed_weight(weight)) {
    gemm(Trans::kNo, m, x.data(), k, *packed, y.mutable_data(), n, epilogue);
  } else {
    gemm(Trans::kNo, Trans::kYes, m, n, k, x.data(), k, weight.data(), k, y.mutable_data(), n,
         epilogue);
  }
  return y;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  const ProfileScope profile("linear");
  check_arguments("linear", x, weight, bias);
  const int64_t n = weight.dim(0);
  Tape* tape = Tape::recording({&x, &weight, &bias});

  GemmEpilogue epilogue;
  epilogue.activation = activation;
  if (bias.defined()) epilogue.bias = bias.data();
  Tensor before;  // the argument of the activation, for backward
  const bool keeps = tape != nullptr && activation != Activation::kNone;
  if (keeps) {
    before = Tensor::empty(x.shape().with(-1, n));
    epilogue.pre = before.mutable_data();
    epilogue.pre_pitch = n;
  }
  Tensor y = product(x, weight, epilogue);
  if (tape == nullptr) return y;

  Tensor saved = before;
  if (keeps && derivative_from_output(function_of(activation))) saved = y;
  tape->record({&x, &weight, &bias}, y,
               [x = Saved(x), weight = Saved(weight), saved = Saved(saved), activation](
                   const Tensor& dy, Needs needs) {
                 const Tensor d = activation == Activation::kNone
                                      ? dy
                                      : unary_backward(function_of(activation), dy, saved);
                 LinearGradients g = linear_backward(d, x, weight, needs);
                 return std::vector{g.dx, g.dweight, g.dbias};
               });
  return y;
}

Tensor linear_add(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                  const Tensor& scale) {
  const ProfileScope profile("linear_add");
  check_arguments("linear_add", x, weight, bias);
  const int64_t n = weight.dim(0);
  check_shape("linear_add", "residual", residual, x.shape().with(-1, n));
  if (scale.defined()) check_shape("linear_add", "scale", scale, {n});
  Tape* tape = Tape::recording({&x, &weight, &bias, &residual, &scale});
  // The gradient of scale needs the product by itself.
  if (tape != nullptr && scale.defined()) return add(residual, mul(linear(x, weight, bias), scale));

  GemmEpilogue epilogue;
  if (bias.defined()) epilogue.bias = bias.data();
  if (scale.defined()) epilogue.scale = scale.data();
  epilogue.residual = residual.data();
  epilogue.residual_pitch = n;
  Tensor y = product(x, weight, epilogue);
  if (tape != nullptr) {
    tape->record({&x, &weight, &bias, &residual}, y,
                 [x = Saved(x), weight = Saved(weight)](const Tensor& dy, Needs needs) {
                   LinearGradients g = linear_backward(dy, x, weight, needs);
                   return std::vector{g.dx, g.dweight, g.dbias, dy};
                 });
  }
  return y;
}

LinearGradients linear_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                Needs needs) {
  const int64_t n = weight.dim(0);
  const int64_t k = weight.dim(1);
  check_shape("linear_backward", "dy", dy, x.shape().with(-1, n));
  const int64_t rows = rows_of(x);
  LinearGradients g;
  if (needs[0]) {
    g.dx = Tensor::empty(x.shape());
    gemm(Trans::kNo, Trans::kNo, rows, k, n, dy.data(), n, weight.data(), k, g.dx.mutable_data(),
         k);
  }
  if (needs[1]) {
    g.dweight = Tensor::empty(weight.shape());
    gemm(Trans::kYes, Trans::kNo, n, k, rows, dy.data(), n, x.data(), k, g.dweight.mutable_data(),
         k);
  }
  if (needs[2]) g.dbias = sum(dy.reshape({rows, n}), {0});
  return g;
}

}  // namespace vitrine
