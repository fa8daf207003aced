#include <array>

#include "ops/binary.hpp"
#include "ops/dropout.hpp"
#include "ops/unary.hpp"
#include "tests/golden/ops.hpp"

namespace vitrine::golden {
namespace {

/// y = f(x).
template <Tensor (*f)(Tensor)>
Outputs unary(OpCall& call) {
  return {{"y", f(call.input("x"))}};
}

/// y = f(a, b).
template <Tensor (*f)(Tensor, Tensor)>
Outputs binary(OpCall& call) {
  return {{"y", f(call.input("a"), call.input("b"))}};
}

float value_of(const OpCall& call) { return static_cast<float>(number(call.params.at("value"))); }

Outputs add_scalar(OpCall& call) { return {{"y", add(call.input("x"), value_of(call))}}; }

Outputs mul_scalar(OpCall& call) { return {{"y", mul(call.input("x"), value_of(call))}}; }

Outputs div_scalar(OpCall& call) {
  return {{"y", div(call.input("x"), Tensor::scalar(value_of(call)))}};
}

/// value - x
Outputs rsub_scalar(OpCall& call) {
  return {{"y", sub(Tensor::scalar(value_of(call)), call.input("x"))}};
}

/// value / x
Outputs rdiv_scalar(OpCall& call) {
  return {{"y", div(Tensor::scalar(value_of(call)), call.input("x"))}};
}

Outputs dropout_by_mask(OpCall& call) {
  const auto p = call.params.at("p").get<float>();
  return {{"y", apply_keep_mask(call.input("x"), call.input("keep"), p)}};
}

Outputs drop_path_by_mask(OpCall& call) {
  const auto p = call.params.at("p").get<float>();
  const bool scale_by_keep = call.params.at("scale_by_keep");
  return {{"y", apply_sample_mask(call.input("x"), call.input("keep"), p, scale_by_keep)}};
}

}  // namespace

std::span<const OpAdapter> elementwise_ops() {
  static constexpr auto kTable = std::to_array<OpAdapter>({
      {"exp", unary<exp>},
      {"log", unary<log>},
      {"sqrt", unary<sqrt>},
      {"square", unary<square>},
      {"abs", unary<abs>},
      {"neg", unary<neg>},
      {"erf", unary<erf>},
      {"tanh", unary<tanh>},
      {"sigmoid", unary<sigmoid>},
      {"relu", unary<relu>},
      {"silu", unary<silu>},
      {"gelu", unary<gelu>},
      {"gelu_tanh", unary<gelu_tanh>},
      {"quick_gelu", unary<quick_gelu>},
      {"add", binary<add>},
      {"sub", binary<sub>},
      {"mul", binary<mul>},
      {"div", binary<div>},
      {"maximum", binary<maximum>},
      {"minimum", binary<minimum>},
      {"add_scalar", add_scalar},
      {"mul_scalar", mul_scalar},
      {"div_scalar", div_scalar},
      {"rsub_scalar", rsub_scalar},
      {"rdiv_scalar", rdiv_scalar},
      {"dropout", dropout_by_mask},
      {"drop_path", drop_path_by_mask},
  });
  return kTable;
}

}  // namespace vitrine::golden
