#include <array>

#include "ops/binary.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/layer_norm.hpp"
#include "ops/reduce.hpp"
#include "ops/softmax.hpp"
#include "tests/golden/ops.hpp"

namespace vitrine::golden {
namespace {

/// The axes of a reduction; none means all.
std::vector<int64_t> dims_of(const OpCall& call) {
  const Json& dims = call.params.at("dims");
  return dims.is_null() ? std::vector<int64_t>() : dims.get<std::vector<int64_t>>();
}

bool keepdim_of(const OpCall& call) { return call.params.at("keepdim"); }

template <Tensor (*f)(const Tensor&, const AxisList&, bool)>
Outputs reduce(OpCall& call) {
  return {{"y", f(call.input("x"), dims_of(call), keepdim_of(call))}};
}

template <Tensor (*f)(const Tensor&, const AxisList&, int64_t, bool)>
Outputs moment(OpCall& call) {
  const int64_t correction = call.params.at("correction");
  return {{"y", f(call.input("x"), dims_of(call), correction, keepdim_of(call))}};
}

Outputs run_argmax(OpCall& call) {
  Tensor x = call.input("x");
  const std::vector<int64_t> dims = dims_of(call);
  if (dims.size() > 1) throw NotOffered{"argmax over several axes"};
  if (dims.empty()) x = x.reshape({-1});
  const int64_t axis = dims.empty() ? 0 : x.shape().normalize_axis(dims[0]);
  const std::vector<int32_t> found = argmax(x, axis);
  std::vector<int64_t> shape(x.shape().begin(), x.shape().end());
  if (keepdim_of(call)) {
    shape[static_cast<size_t>(axis)] = 1;
  } else {
    shape.erase(shape.begin() + axis);
  }
  const std::vector<float> values(found.begin(), found.end());
  return {{"y", Tensor::from(values, Shape(shape))}};
}

template <Tensor (*f)(const Tensor&, int64_t)>
Outputs along_axis(OpCall& call) {
  return {{"y", f(call.input("x"), call.params.at("dim"))}};
}

Outputs softmax_masked(OpCall& call) {
  return {{"y", softmax(add(call.input("x"), call.input("mask")), -1)}};
}

Outputs run_cross_entropy(OpCall& call) {
  CrossEntropyOptions options;
  options.label_smoothing = call.params.at("label_smoothing");
  const std::string reduction = call.params.at("reduction");
  options.reduction = reduction == "mean"  ? Reduction::kMean
                      : reduction == "sum" ? Reduction::kSum
                                           : Reduction::kNone;
  if (call.params.at("target") == "probabilities") {
    return {{"y", cross_entropy(call.input("logits"), call.input("target"), options)}};
  }
  const Json& ignored = call.params.at("ignore_index");
  if (!ignored.is_null()) options.ignore_index = ignored;
  const std::vector<int64_t> target = call.integers("target");
  const std::vector<int32_t> labels(target.begin(), target.end());
  return {{"y", cross_entropy(call.input("logits"), labels, options)}};
}

Outputs run_layer_norm(OpCall& call) {
  const auto eps = call.params.at("eps").get<float>();
  return {{"y", layer_norm(call.input("x"), call.optional("weight"), call.optional("bias"), eps)}};
}

}  // namespace

std::span<const OpAdapter> reduction_ops() {
  static constexpr auto kTable = std::to_array<OpAdapter>({
      {"sum", reduce<sum>},
      {"mean", reduce<mean>},
      {"amax", reduce<amax>},
      {"amin", reduce<amin>},
      {"var", moment<var>},
      {"std", moment<vitrine::std>},
      {"argmax", run_argmax},
      {"softmax", along_axis<softmax>},
      {"log_softmax", along_axis<log_softmax>},
      {"softmax_masked", softmax_masked},
      {"cross_entropy", run_cross_entropy},
      {"layer_norm", run_layer_norm},
  });
  return kTable;
}

}  // namespace vitrine::golden
