#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// What a network learns from another one, its teacher.
enum class DistillationKind {
  kNone,
  kSoft,  ///< its probabilities
  kHard,  ///< its answer, as if it were the label
};

/// Learning from a teacher, as plain data:
///   loss = (1 - alpha) loss by the labels + alpha loss by the teacher
/// Names and defaults are DeiT's.
struct Distillation {
  DistillationKind kind = DistillationKind::kNone;
  double alpha = 0.5;  ///< the teacher's share, in [0, 1]
  double tau = 1;      ///< temperature T > 0 of soft distillation
};

/// The loss by the teacher, of a batch:
///   soft   T^2 / (B C) sum_bc p_bc (log p_bc - log q_bc), p = softmax(teacher / T),
///          q = softmax(logits / T)
///   hard   cross_entropy(logits, argmax of the teacher's rows)
///   logits  (B, C); differentiable in these alone
///   teacher (B, C) logits, finite
/// Throws ShapeError. Soft distillation divides by the classes too, as DeiT does, and so weighs
/// less than in Hinton's article.
/// Source: Hinton et al. 2015, arXiv 1503.02531; Touvron et al. 2021, arXiv 2012.12877, eq. 2 and
/// 3; DistillationLoss of facebookresearch/deit.
Tensor distillation_loss(const Distillation& options, const Tensor& logits, const Tensor& teacher);

}  // namespace vitrine
