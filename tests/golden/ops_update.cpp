#include <array>

#include "ops/concat.hpp"
#include "ops/optimizers/adamw.hpp"
#include "ops/optimizers/clip_grad_norm.hpp"
#include "ops/optimizers/sgd.hpp"
#include "tests/golden/ops.hpp"

namespace vitrine::golden {
namespace {

AdamWOptions adamw_options(const Json& params) {
  AdamWOptions options;
  options.lr = params.at("lr");
  const auto betas = params.at("betas").get<std::vector<double>>();
  options.beta1 = betas.at(0);
  options.beta2 = betas.at(1);
  options.eps = params.at("eps");
  options.weight_decay = params.value("weight_decay", 0.0);
  options.kind = params.at("kind") == "adam" ? WeightDecay::kL2 : WeightDecay::kDecoupled;
  return options;
}

SgdOptions sgd_options(const Json& params) {
  return {.lr = params.at("lr"),
          .momentum = params.value("momentum", 0.0),
          .weight_decay = params.value("weight_decay", 0.0),
          .nesterov = params.value("nesterov", false)};
}

/// param (...), grad (steps, ...) -> param after each step (steps, ...)
Outputs optimizer(OpCall& call) {
  const std::string kind = call.params.at("kind");
  if (kind != "sgd" && kind != "adam" && kind != "adamw") throw NotOffered{"optimizer " + kind};
  Tensor param = call.input("param").clone();
  const Tensor grads = call.input("grad");
  Tensor first = Tensor::zeros(param.shape());
  Tensor second = Tensor::zeros(param.shape());
  std::vector<Tensor> after;
  for (int64_t step = 0; step < grads.dim(0); ++step) {
    const Tensor grad = grads.rows(step, step + 1).reshape(param.shape());
    if (kind == "sgd") {
      sgd_(param, grad, first, sgd_options(call.params));
    } else {
      adamw_(param, grad, first, second, adamw_options(call.params), step + 1);
    }
    after.push_back(param.clone());
  }
  return {{"param", stack(after, 0)}};
}

Outputs run_clip_grad_norm(OpCall& call) {
  std::vector<Tensor> grads;
  for (int i = 0; call.has("g" + std::to_string(i)); ++i) {
    grads.push_back(call.input("g" + std::to_string(i)).clone());
  }
  const double norm = clip_grad_norm(grads, number(call.params.at("max_norm")));
  Outputs outputs{{"total_norm", Tensor::scalar(static_cast<float>(norm))}};
  for (size_t i = 0; i < grads.size(); ++i) outputs["g" + std::to_string(i)] = grads[i];
  return outputs;
}

}  // namespace

std::span<const OpAdapter> update_ops() {
  static constexpr auto kTable = std::to_array<OpAdapter>({
      {"optimizer", optimizer},
      {"clip_grad_norm", run_clip_grad_norm},
  });
  return kTable;
}

}  // namespace vitrine::golden
