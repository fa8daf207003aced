#include <array>
#include <cmath>

#include "ops/attention.hpp"
#include "ops/binary_cross_entropy_with_logits.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/layer_norm.hpp"
#include "ops/linear.hpp"
#include "ops/matmul.hpp"
#include "ops/softmax.hpp"
#include "tests/golden/attention_mask.hpp"
#include "tests/golden/opinfo.hpp"

namespace vitrine::golden {
namespace {

using Tensors = std::vector<Tensor>;

template <Tensor (*f)(const Tensor&, int64_t)>
Tensors along_axis(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t dim = call.integer(0, "dim").value();
  call.done();
  if (x.rank() == 0) call.not_offered("of a scalar");
  return {f(x, dim)};
}

/// torch.matmul; mm and bmm want matrices and stacks of matrices.
template <int64_t rank>
Tensors product(OpinfoCall& call) {
  const Tensor a = call.input();
  const Tensor b = call.tensor(0, "other");
  call.done();
  if (rank > 0 && (a.rank() != rank || b.rank() != rank)) call.not_offered("of other ranks");
  return {matmul(a, b)};
}

Tensors run_linear(OpinfoCall& call) {
  const Tensor x = call.input();
  const Tensor weight = call.tensor(0, "weight");
  const Tensor bias = call.tensor(1, "bias");
  call.done();
  if (weight.rank() != 2) call.not_offered("with a weight that is no matrix");
  return {linear(x, weight, bias)};
}

Tensors run_layer_norm(OpinfoCall& call) {
  constexpr float kPyTorchEps = 1e-5F;
  const Tensor x = call.input();
  const std::vector<int64_t> normalized = call.integers(0, "normalized_shape");
  const Tensor weight = call.tensor(1, "weight");
  const Tensor bias = call.tensor(2, "bias");
  const Json* eps = call.take(3, "eps");
  call.done();
  if (normalized.size() != 1) call.not_offered("over several axes");
  if (weight.defined() != bias.defined()) call.not_offered("with only one of weight and bias");
  return {layer_norm(x, weight, bias, eps == nullptr ? kPyTorchEps : eps->get<float>())};
}

Reduction take_reduction(OpinfoCall& call) {
  const Json* reduction = call.take("reduction");
  if (reduction == nullptr || *reduction == "mean") return Reduction::kMean;
  return *reduction == "sum" ? Reduction::kSum : Reduction::kNone;
}

Tensors run_cross_entropy(OpinfoCall& call) {
  const Tensor logits = call.input();
  const Json* target = call.take(0, "target");
  CrossEntropyOptions options;
  options.reduction = take_reduction(call);
  if (const Json* ignored = call.take("ignore_index")) options.ignore_index = *ignored;
  if (const Json* smoothing = call.take("label_smoothing")) options.label_smoothing = *smoothing;
  call.done();
  if (logits.rank() != 2) call.not_offered("of other ranks");
  if (call.is_float_tensor(*target)) {
    if (call.wants_gradient(*target)) call.not_offered("with a gradient of the target");
    return {cross_entropy(logits, call.tensor(0, "target"), options)};
  }
  const std::vector<int64_t> values = call.integer_tensor(*target);
  const std::vector<int32_t> labels(values.begin(), values.end());
  return {cross_entropy(logits, labels, options)};
}

/// Every element is a row of one class, so that any shape will do.
Tensors run_binary_cross_entropy_with_logits(OpinfoCall& call) {
  const Tensor logits = call.input();
  const Tensor target = call.tensor(0, "target");
  BinaryCrossEntropyOptions options;
  options.reduction = take_reduction(call);
  call.done();
  if (!target.defined() || target.shape() != logits.shape()) call.not_offered("with broadcasting");
  const Shape column = {logits.numel(), 1};
  const Tensor loss =
      binary_cross_entropy_with_logits(logits.reshape(column), target.reshape(column), options);
  return {options.reduction == Reduction::kNone ? loss.reshape(logits.shape()) : loss};
}

Tensors run_attention(OpinfoCall& call) {
  const Tensor q = call.input();
  const Tensor k = call.tensor(0, "key");
  const Tensor v = call.tensor(1, "value");
  const Json* mask = call.take(2, "attn_mask");
  const Json* dropout = call.take(3, "dropout_p");
  const bool causal = call.flag(4, "is_causal", false);
  const Json* scale = call.take("scale");
  call.done();
  if (dropout != nullptr && dropout->get<double>() != 0) call.not_offered("with dropout");
  if (q.rank() != k.rank() ||
      q.shape().product(0, q.rank() - 2) != k.shape().product(0, k.rank() - 2)) {
    call.not_offered("with broadcasting");
  }
  Tensor added;
  if (mask != nullptr) {
    if (!call.is_float_tensor(*mask)) call.not_offered("with a mask of truth values");
    if (call.wants_gradient(*mask)) call.not_offered("with a gradient of the mask");
    added = call.tensor(2, "attn_mask");
  }
  const float factor = scale != nullptr ? scale->get<float>() : default_attention_scale(q.dim(-1));
  return {scaled_dot_product_attention(q, k, v, added, factor, causal)};
}

}  // namespace

std::span<const OpinfoAdapter> opinfo_network_calls() {
  static constexpr auto kTable = std::to_array<OpinfoAdapter>({
      {"softmax", along_axis<softmax>},
      {"log_softmax", along_axis<log_softmax>},
      {"matmul", product<0>},
      {"mm", product<2>},
      {"bmm", product<3>},
      {"nn.functional.linear", run_linear},
      {"nn.functional.layer_norm", run_layer_norm},
      {"nn.functional.cross_entropy", run_cross_entropy},
      {"nn.functional.binary_cross_entropy_with_logits", run_binary_cross_entropy_with_logits},
      {"nn.functional.scaled_dot_product_attention", run_attention},
  });
  return kTable;
}

}  // namespace vitrine::golden
