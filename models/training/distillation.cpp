#include "models/training/distillation.hpp"

#include "core/check.hpp"
#include "core/error.hpp"
#include "core/text/option_error.hpp"
#include "models/inference/evaluate.hpp"
#include "ops/binary.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/reduce.hpp"
#include "ops/softmax.hpp"

namespace vitrine {

void Distillation::validate() const {
  require_option(alpha >= 0 && alpha <= 1, "distillation_alpha", "0 to 1", alpha);
  // Beyond, every probability is the same in float32, or one of them is 1.
  require_option(tau >= 1e-3 && tau <= 1e3, "distillation_tau", "0.001 to 1000", tau);
  const Distillation usual;
  if (kind == DistillationKind::kNone && alpha != usual.alpha) {
    throw UsageError("distillation_alpha needs a distillation: soft or hard");
  }
  if (kind != DistillationKind::kSoft && tau != usual.tau) {
    throw UsageError("distillation_tau is for soft distillation");
  }
}

Tensor distillation_loss(const Distillation& options, const Tensor& logits, const Tensor& teacher) {
  constexpr const char* kName = "distillation_loss";
  check(logits.defined() && logits.rank() == 2, kName, "logits must be (B, C)");
  check_shape(kName, "teacher", teacher, logits.shape());
  if (options.kind == DistillationKind::kHard) return cross_entropy(logits, predictions(teacher));
  VT_CHECK(options.kind == DistillationKind::kSoft);
  const auto t = static_cast<float>(options.tau);
  const Tensor log_p = log_softmax(mul(teacher, 1 / t), -1);
  const Tensor log_q = log_softmax(mul(logits, 1 / t), -1);
  const Tensor p = softmax(mul(teacher, 1 / t), -1);
  return mul(mean(mul(p, sub(log_p, log_q))), t * t);
}

}  // namespace vitrine
