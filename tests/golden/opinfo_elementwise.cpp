#include <array>

#include "ops/binary.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"
#include "tests/golden/opinfo.hpp"

namespace vitrine::golden {
namespace {

using Tensors = std::vector<Tensor>;

template <Tensor (*f)(Tensor)>
Tensors unary(OpinfoCall& call) {
  const Tensor x = call.input();
  call.done();
  return {f(x)};
}

Tensors run_gelu(OpinfoCall& call) {
  const Tensor x = call.input();
  const Json* approximate = call.take("approximate");
  call.done();
  if (approximate == nullptr || *approximate == "none") return {gelu(x)};
  if (*approximate != "tanh") call.not_offered("with another approximation");
  return {gelu_tanh(x)};
}

template <Tensor (*f)(Tensor, Tensor)>
Tensors binary(OpinfoCall& call) {
  const Tensor a = call.input();
  const Tensor b = call.tensor(0, "other");
  call.done();
  return {f(a, b)};
}

/// The axes of a reduction; an empty list means all, as in PyTorch.
std::vector<int64_t> dims_of(OpinfoCall& call, const Tensor& x) {
  const std::vector<int64_t> dims = call.integers(0, "dim");
  if (x.rank() == 0 && !dims.empty()) call.not_offered("over an axis of a scalar");
  return dims;
}

template <Tensor (*f)(const Tensor&, const AxisList&, bool)>
Tensors reduce(OpinfoCall& call) {
  const Tensor x = call.input();
  const std::vector<int64_t> dims = dims_of(call, x);
  const bool keepdim = call.flag(1, "keepdim", false);
  call.done();
  return {f(x, dims, keepdim)};
}

template <Tensor (*f)(const Tensor&, const AxisList&, int64_t, bool)>
Tensors moment(OpinfoCall& call) {
  const Tensor x = call.input();
  const std::vector<int64_t> dims = dims_of(call, x);
  const bool keepdim = call.flag(2, "keepdim", false);
  int64_t correction = call.flag(1, "unbiased", true) ? 1 : 0;
  if (const Json* given = call.take("correction")) {
    if (given->get<double>() != static_cast<double>(given->get<int64_t>())) {
      call.not_offered("with a fraction as correction");
    }
    correction = given->get<int64_t>();
  }
  call.done();
  return {f(x, dims, correction, keepdim)};
}

Tensors run_argmax(OpinfoCall& call) {
  Tensor x = call.input();
  const std::optional<int64_t> dim = call.integer(0, "dim");
  const bool keepdim = call.flag(1, "keepdim", false);
  call.done();
  std::vector<int64_t> shape;
  if (!dim) {
    if (keepdim) shape.assign(static_cast<size_t>(x.rank()), 1);
    x = x.reshape({x.numel()});
  } else if (x.rank() == 0) {
    x = x.reshape({1});
  } else {
    const int64_t axis = x.shape().normalize_axis(*dim);
    shape.assign(x.shape().begin(), x.shape().end());
    if (keepdim) {
      shape[static_cast<size_t>(axis)] = 1;
    } else {
      shape.erase(shape.begin() + axis);
    }
  }
  const std::vector<int32_t> found = argmax(x, dim && x.rank() > 1 ? *dim : 0);
  const std::vector<float> values(found.begin(), found.end());
  return {Tensor::from(values, Shape(shape))};
}

}  // namespace

std::span<const OpinfoAdapter> opinfo_elementwise_calls() {
  static constexpr auto kTable = std::to_array<OpinfoAdapter>({
      {"exp", unary<exp>},
      {"log", unary<log>},
      {"sqrt", unary<sqrt>},
      {"square", unary<square>},
      {"abs", unary<abs>},
      {"neg", unary<neg>},
      {"erf", unary<erf>},
      {"tanh", unary<tanh>},
      {"sigmoid", unary<sigmoid>},
      {"nn.functional.relu", unary<relu>},
      {"nn.functional.silu", unary<silu>},
      {"nn.functional.gelu", run_gelu},
      {"add", binary<add>},
      {"sub", binary<sub>},
      {"mul", binary<mul>},
      {"div", binary<div>},
      {"maximum", binary<maximum>},
      {"minimum", binary<minimum>},
      {"sum", reduce<sum>},
      {"mean", reduce<mean>},
      {"amax", reduce<amax>},
      {"amin", reduce<amin>},
      {"var", moment<var>},
      {"std", moment<vitrine::std>},
      {"argmax", run_argmax},
  });
  return kTable;
}

}  // namespace vitrine::golden
