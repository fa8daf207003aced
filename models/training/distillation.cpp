#include "models/training/distillation.hpp"

#include "core/check.hpp"
#include "core/error.hpp"
#include "models/inference/evaluate.hpp"
#include "ops/binary.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/reduce.hpp"
#include "ops/softmax.hpp"

namespace vitrine {

Tensor distillation_loss(const Distillation& options, const Tensor& logits, const Tensor& teacher) {
  constexpr const char* kName = "distillation_loss";
  check(logits.defined() && logits.rank() == 2, kName, "logits must be (B, C)");
  check_shape(kName, "teacher", teacher, logits.shape(), "logits", logits.shape());
  if (options.kind == DistillationKind::kHard) return cross_entropy(logits, predictions(teacher));
  VT_CHECK(options.kind == DistillationKind::kSoft);
  const auto t = static_cast<float>(options.tau);
  const Tensor log_p = log_softmax(mul(teacher, 1 / t), -1);
  const Tensor log_q = log_softmax(mul(logits, 1 / t), -1);
  const Tensor p = softmax(mul(teacher, 1 / t), -1);
  return mul(mean(mul(p, sub(log_p, log_q))), t * t);
}

}  // namespace vitrine
