#include "ops/linear.hpp"

#include <utility>

#include "core/check.hpp"
#include "core/error.hpp"
#include "core/profile.hpp"
#include "ops/activation.hpp"
#include "ops/binary.hpp"
#include "ops/gemm/gemm.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

void check_arguments(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_rank_at_least(op, "x", x, 1);
  check_rank_at_least(op, "weight", weight, 2);
  check_shape(op, "weight", weight, {weight.dim(0), x.dim(-1)}, "x", x.shape());
  if (bias.defined()) check_shape(op, "bias", bias, {weight.dim(0)}, "weight", weight.shape());
}

/// (..., N) = epilogue(x W^T)
Tensor product(const Tensor& x, const Tensor& weight, const GemmEpilogue& epilogue) {
  const int64_t n = weight.dim(0);
  const int64_t k = weight.dim(1);
  Tensor y = Tensor::empty(x.shape().with(-1, n));
  const int64_t m = rows_of(x);
  if (const auto packed = packed_weight(weight)) {
    packed->multiply(m, x.data(), k, y.mutable_data(), n, epilogue);
  } else {
    gemm(Trans::kNo, Trans::kYes, m, n, k, x.data(), k, weight.data(), k, y.mutable_data(), n,
         epilogue);
  }
  return y;
}

/// activation(x W^T + b). If `preactivation` is given it becomes the argument of the activation.
Tensor activated(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation,
                 Tensor* preactivation) {
  GemmEpilogue epilogue;
  epilogue.activation = activation;
  if (bias.defined()) epilogue.bias = bias.data();
  if (preactivation != nullptr) {
    *preactivation = Tensor::empty(x.shape().with(-1, weight.dim(0)));
    epilogue.preactivation_out = preactivation->mutable_data();
    epilogue.preactivation_out_pitch = weight.dim(0);
  }
  return product(x, weight, epilogue);
}

/// residual + scale * (x W^T + b); residual and scale may be undefined.
Tensor added(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
             const Tensor& scale) {
  GemmEpilogue epilogue;
  if (bias.defined()) epilogue.bias = bias.data();
  if (scale.defined()) epilogue.scale = scale.data();
  if (residual.defined()) epilogue.residual = residual.data();
  epilogue.residual_pitch = weight.dim(0);
  return product(x, weight, epilogue);
}

/// x, which is read for the gradient of the weight alone.
Saved saved_for(const Tensor& weight, const Tensor& x) {
  return Tape::recording({&weight}) != nullptr ? Saved(x) : Saved();
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  const ProfileScope profile("linear");
  check_arguments("linear", x, weight, bias);
  Tape* tape = Tape::recording({&x, &weight, &bias});
  const bool keeps = tape != nullptr && activation != Activation::kNone;
  Tensor preactivation;
  Tensor y = activated(x, weight, bias, activation, keeps ? &preactivation : nullptr);
  if (tape == nullptr) return y;

  Tensor saved = preactivation;
  if (keeps && derivative_from_output(function_of(activation))) saved = y;
  tape->record({&x, &weight, &bias}, y,
               [x = saved_for(weight, x), weight = Saved(weight), saved = Saved(saved), activation](
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
  check_shape("linear_add", "residual", residual, x.shape().with(-1, n), "x", x.shape());
  if (scale.defined()) check_shape("linear_add", "scale", scale, {n}, "weight", weight.shape());
  Tape* tape = Tape::recording({&x, &weight, &bias, &residual, &scale});
  // The gradient of scale needs the product by itself.
  if (tape != nullptr && scale.defined()) return add(residual, mul(linear(x, weight, bias), scale));

  Tensor y = added(x, weight, bias, residual, scale);
  if (tape != nullptr) {
    tape->record({&x, &weight, &bias, &residual}, y,
                 [x = saved_for(weight, x), weight = Saved(weight)](const Tensor& dy, Needs needs) {
                   LinearGradients g = linear_backward(dy, x, weight, needs);
                   return std::vector{g.dx, g.dweight, g.dbias, dy};
                 });
  }
  return y;
}

Tensor mlp(const Tensor& x, const Tensor& fc1_weight, const Tensor& fc1_bias, Activation activation,
           const Tensor& fc2_weight, const Tensor& fc2_bias, const Tensor& residual,
           const Tensor& scale) {
  if (scale.defined() && !residual.defined()) throw UsageError("[mlp] scale wants a residual");
  Tape* tape =
      Tape::recording({&x, &fc1_weight, &fc1_bias, &fc2_weight, &fc2_bias, &residual, &scale});
  const bool keeps_output =
      activation == Activation::kNone || derivative_from_output(function_of(activation));
  if (tape == nullptr || keeps_output) {
    const Tensor hidden = linear(x, fc1_weight, fc1_bias, activation);
    return residual.defined() ? linear_add(hidden, fc2_weight, fc2_bias, residual, scale)
                              : linear(hidden, fc2_weight, fc2_bias);
  }
  // The gradient of scale needs the branch by itself.
  if (scale.defined()) {
    return add(residual,
               mul(mlp(x, fc1_weight, fc1_bias, activation, fc2_weight, fc2_bias), scale));
  }
  const ProfileScope profile("mlp");
  check_arguments("mlp", x, fc1_weight, fc1_bias);
  Tensor preactivation;  // the argument of the activation
  const Tensor hidden = activated(x, fc1_weight, fc1_bias, activation, &preactivation);
  check_arguments("mlp", hidden, fc2_weight, fc2_bias);
  if (residual.defined()) {
    check_shape("mlp", "residual", residual, x.shape().with(-1, fc2_weight.dim(0)), "x", x.shape());
  }
  Tensor y = added(hidden, fc2_weight, fc2_bias, residual, scale);
  tape->record({&x, &fc1_weight, &fc1_bias, &fc2_weight, &fc2_bias, &residual}, y,
               [x = saved_for(fc1_weight, x), fc1_weight = Saved(fc1_weight),
                preactivation = Saved(preactivation), fc2_weight = Saved(fc2_weight),
                activation](const Tensor& dy, Needs needs) {
                 MlpGradients g =
                     mlp_backward(dy, x, fc1_weight, preactivation, activation, fc2_weight, needs);
                 return std::vector{g.fc1.dx,      g.fc1.dweight, g.fc1.dbias,
                                    g.fc2.dweight, g.fc2.dbias,   dy};
               });
  return y;
}

LinearGradients linear_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                Needs needs) {
  const int64_t n = weight.dim(0);
  const int64_t k = weight.dim(1);
  check_rank_at_least("linear_backward", "dy", dy, 1);
  check_shape("linear_backward", "dy", dy, dy.shape().with(-1, n), "weight", weight.shape());
  const int64_t rows = rows_of(dy);
  LinearGradients g;
  if (needs[0]) {
    g.dx = Tensor::empty(dy.shape().with(-1, k));
    gemm(Trans::kNo, Trans::kNo, rows, k, n, dy.data(), n, weight.data(), k, g.dx.mutable_data(),
         k);
  }
  if (needs[1]) {
    check_shape("linear_backward", "x", x, dy.shape().with(-1, k), "dy", dy.shape());
    g.dweight = Tensor::empty(weight.shape());
    gemm(Trans::kYes, Trans::kNo, n, k, rows, dy.data(), n, x.data(), k, g.dweight.mutable_data(),
         k);
  }
  if (needs[2]) g.dbias = sum(dy.reshape({rows, n}), {0});
  return g;
}

MlpGradients mlp_backward(const Tensor& dy, const Tensor& x, const Tensor& fc1_weight,
                          const Tensor& preactivation, Activation activation,
                          const Tensor& fc2_weight, Needs needs) {
  const int64_t width = fc2_weight.dim(0);
  const int64_t hidden_width = fc2_weight.dim(1);
  check_shape("mlp_backward", "dy", dy, preactivation.shape().with(-1, width), "preactivation",
              preactivation.shape());
  Tensor dpreactivation = Tensor::empty(preactivation.shape());
  Tensor hidden = needs[3] ? Tensor::empty(preactivation.shape()) : Tensor();
  GemmEpilogue epilogue;
  epilogue.activation = activation;
  epilogue.preactivation_in = preactivation.data();
  epilogue.preactivation_in_pitch = hidden_width;
  if (needs[3]) epilogue.activated_out = hidden.mutable_data();
  gemm(Trans::kNo, Trans::kNo, rows_of(dy), hidden_width, width, dy.data(), width,
       fc2_weight.data(), hidden_width, dpreactivation.mutable_data(), hidden_width, epilogue);

  MlpGradients g;
  const uint64_t fc2_needs = uint64_t{needs[3]} << 1 | uint64_t{needs[4]} << 2;
  g.fc2 = linear_backward(dy, hidden, fc2_weight, Needs(fc2_needs));
  hidden = Tensor();
  g.fc1 = linear_backward(dpreactivation, x, fc1_weight, needs);
  return g;
}

}  // namespace vitrine
