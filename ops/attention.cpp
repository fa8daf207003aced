#include "ops/attention.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/attention_heads.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/matmul.hpp"
#include "ops/permute.hpp"
#include "ops/reduce.hpp"
#include "ops/slice.hpp"
#include "ops/softmax.hpp"

namespace vitrine {
namespace {

using detail::AttentionProblem;
using detail::separate_heads;
using detail::side_by_side;

constexpr const char* kSdpa = "scaled_dot_product_attention";

void check_mask(const char* op, const Tensor& mask, const Shape& scores) {
  bool fits = mask.rank() <= scores.rank();
  for (int64_t axis = 1; fits && axis <= mask.rank(); ++axis) {
    fits = mask.dim(-axis) == 1 || mask.dim(-axis) == scores.dim(-axis);
  }
  if (fits) return;
  throw ShapeError(fmt::format("[{}] mask must broadcast to the scores {}, got {}", op,
                               scores.str(), mask.shape().str()));
}

AttentionProblem of_qkv(const char* op, const Tensor& qkv, int64_t heads, float scale,
                        const Tensor& bias) {
  check_rank_at_least(op, "qkv", qkv, 3);
  const int64_t width = qkv.dim(-1);
  if (qkv.rank() != 3 || heads < 1 || width == 0 || width % (3 * heads) != 0) {
    throw ShapeError(
        fmt::format("[{}] qkv must be (B, N, 3 D) with D a multiple of {} heads, got {}", op, heads,
                    qkv.shape().str()));
  }
  const int64_t d = width / 3;
  const int64_t tokens = qkv.dim(1);
  const int64_t hd = d / heads;
  if (bias.defined()) check_mask(op, bias, {qkv.dim(0), heads, tokens, tokens});
  const auto part = [&](int64_t i) { return side_by_side(qkv.data(), tokens, width, i * d, hd); };
  return {.count = qkv.dim(0) * heads,
          .heads = heads,
          .queries = tokens,
          .keys = tokens,
          .head_dim = hd,
          .q = part(0),
          .k = part(1),
          .v = part(2),
          .leading = {qkv.dim(0), heads},
          .mask = bias.defined() ? &bias : nullptr,
          .scale = scale};
}

/// Two numbers per query.
Shape max_sum_shape(const Tensor& q) { return q.shape().with(-1, 2); }

/// The shape of the scores: that of q with M as its last axis.
Shape scores_shape(const Tensor& q, const Tensor& k) { return q.shape().with(-1, k.dim(-2)); }

/// v may be undefined, for those who only want the probabilities.
AttentionProblem of_separate(const char* op, const Tensor& q, const Tensor& k, const Tensor& v,
                             const Tensor& mask, float scale, bool causal) {
  check_rank_at_least(op, "q", q, 2);
  check_rank_at_least(op, "k", k, 2);
  const int64_t hd = q.dim(-1);
  check(hd > 0, op, "q and k must have at least one number per row");
  check_shape(op, "k", k, q.shape().with(-2, k.dim(-2)), "q", q.shape());
  if (mask.defined()) check_mask(op, mask, scores_shape(q, k));
  AttentionProblem problem;
  problem.count = q.shape().product(0, q.rank() - 2);
  problem.queries = q.dim(-2);
  problem.keys = k.dim(-2);
  problem.head_dim = hd;
  problem.q = separate_heads(q.data(), problem.queries, hd);
  problem.k = separate_heads(k.data(), problem.keys, hd);
  if (v.defined()) check_shape(op, "v", v, k.shape(), "k", k.shape());
  if (v.defined()) problem.v = separate_heads(v.data(), problem.keys, hd);
  problem.leading = Shape(q.shape().dims().first(static_cast<size_t>(q.rank() - 2)));
  problem.mask = mask.defined() ? &mask : nullptr;
  problem.scale = scale;
  problem.causal = causal;
  return problem;
}

/// For results and gradients, which are 0 if there are no keys or no queries.
Tensor uninitialised_unless_empty(const AttentionProblem& problem, const Shape& shape) {
  return problem.empty() ? Tensor::zeros(shape) : Tensor::empty(shape);
}

/// The heads in a row of qkv apart, part i of 3: (B, H, N, hd).
Tensor part_of(const Tensor& qkv, int64_t heads, int64_t i) {
  const int64_t width = qkv.dim(2) / 3;
  const Tensor part = slice_axis(qkv, 2, i * width, (i + 1) * width);
  return permute(part.reshape({qkv.dim(0), qkv.dim(1), heads, width / heads}), {0, 2, 1, 3});
}

Tensor bias_gradient(const Tensor& dy, const Tensor& qkv, int64_t heads, float scale,
                     const Tensor& bias) {
  const Tensor d_o =
      permute(dy.reshape({dy.dim(0), dy.dim(1), heads, dy.dim(2) / heads}), {0, 2, 1, 3});
  return attention_mask_backward(d_o, part_of(qkv, heads, 0), part_of(qkv, heads, 1),
                                 part_of(qkv, heads, 2), bias, scale, false);
}

}  // namespace

float default_attention_scale(int64_t head_dim) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)));
}

Tensor attention(const Tensor& qkv, int64_t heads) {
  const AttentionProblem problem = of_qkv("attention", qkv, heads, 1, {});
  return attention(qkv, heads, default_attention_scale(problem.head_dim));
}

Tensor attention(const Tensor& qkv, int64_t heads, float scale, const Tensor& bias) {
  const ProfileScope profile("attention");
  const AttentionProblem problem = of_qkv("attention", qkv, heads, scale, bias);
  const int64_t width = heads * problem.head_dim;
  Tensor y = Tensor::empty({qkv.dim(0), problem.queries, width});
  Tape* tape = Tape::recording({&qkv, &bias});
  Tensor max_sum;
  if (tape != nullptr) max_sum = Tensor::empty({qkv.dim(0), heads, problem.queries, 2});
  run_attention(problem,
                side_by_side(y.mutable_data(), problem.queries, width, 0, problem.head_dim),
                tape == nullptr ? nullptr : max_sum.mutable_data());
  if (tape != nullptr) {
    tape->record({&qkv, &bias}, y,
                 [qkv = Saved(qkv), heads, scale, bias = Saved(bias), y = Saved(y), max_sum](
                     const Tensor& dy, Needs needs) {
                   Tensor dqkv;
                   if (needs[0]) dqkv = attention_backward(dy, qkv, heads, scale, y, max_sum, bias);
                   Tensor dbias;
                   if (needs[1]) dbias = bias_gradient(dy, qkv, heads, scale, bias);
                   return std::vector{dqkv, dbias};
                 });
  }
  return y;
}

Tensor attention_backward(const Tensor& dy, const Tensor& qkv, int64_t heads, float scale,
                          const Tensor& y, const Tensor& max_sum, const Tensor& bias) {
  const AttentionProblem problem = of_qkv("attention_backward", qkv, heads, scale, bias);
  const int64_t tokens = problem.queries;
  const int64_t hd = problem.head_dim;
  const int64_t width = heads * hd;
  check_shape("attention_backward", "dy", dy, {qkv.dim(0), tokens, width}, "qkv", qkv.shape());
  check_shape("attention_backward", "y", y, dy.shape(), "dy", dy.shape());
  check_shape("attention_backward", "max_sum", max_sum, {qkv.dim(0), heads, tokens, 2}, "qkv",
              qkv.shape());
  Tensor dqkv = Tensor::empty(qkv.shape());
  const auto part = [&](int64_t i) {
    return side_by_side(dqkv.mutable_data(), tokens, 3 * width, i * width, hd);
  };
  run_attention_backward(problem, {.d_o = side_by_side(dy.data(), tokens, width, 0, hd),
                                   .o = side_by_side(y.data(), tokens, width, 0, hd),
                                   .max_sum = max_sum.data(),
                                   .dq = part(0),
                                   .dk = part(1),
                                   .dv = part(2)});
  return dqkv;
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& mask, float scale, bool causal) {
  const ProfileScope profile("attention");
  check_rank_at_least(kSdpa, "v", v, 2);
  const AttentionProblem problem = of_separate(kSdpa, q, k, v, mask, scale, causal);
  Tensor y = uninitialised_unless_empty(problem, q.shape());
  Tape* tape = Tape::recording({&q, &k, &v, &mask});
  Tensor max_sum;
  if (tape != nullptr) max_sum = Tensor::empty(max_sum_shape(q));
  run_attention(problem, separate_heads(y.mutable_data(), problem.queries, problem.head_dim),
                tape == nullptr ? nullptr : max_sum.mutable_data());
  if (tape != nullptr) {
    tape->record({&q, &k, &v, &mask}, y,
                 [q = Saved(q), k = Saved(k), v = Saved(v), mask = Saved(mask), scale, causal,
                  y = Saved(y), max_sum](const Tensor& dy, Needs needs) {
                   auto g = scaled_dot_product_attention_backward(dy, q, k, v, mask, scale, causal,
                                                                  y, max_sum, needs);
                   Tensor dmask;
                   if (needs[3]) {
                     dmask = attention_mask_backward(dy, q, k, v, mask, scale, causal);
                   }
                   return std::vector{g.dq, g.dk, g.dv, dmask};
                 });
  }
  return y;
}

AttentionGradients scaled_dot_product_attention_backward(const Tensor& dy, const Tensor& q,
                                                         const Tensor& k, const Tensor& v,
                                                         const Tensor& mask, float scale,
                                                         bool causal, const Tensor& y,
                                                         const Tensor& max_sum, Needs needs) {
  constexpr const char* kName = "scaled_dot_product_attention_backward";
  check_rank_at_least(kName, "v", v, 2);
  const AttentionProblem problem = of_separate(kName, q, k, v, mask, scale, causal);
  check_shape(kName, "dy", dy, q.shape(), "q", q.shape());
  check_shape(kName, "y", y, q.shape(), "q", q.shape());
  check_shape(kName, "max_sum", max_sum, max_sum_shape(q), "q", q.shape());
  AttentionGradients g;
  if (needs[0]) g.dq = uninitialised_unless_empty(problem, q.shape());
  if (needs[1]) g.dk = uninitialised_unless_empty(problem, k.shape());
  if (needs[2]) g.dv = uninitialised_unless_empty(problem, v.shape());
  const auto rows = [&](Tensor& to, int64_t tokens) {
    return separate_heads(to.defined() ? to.mutable_data() : nullptr, tokens, problem.head_dim);
  };
  run_attention_backward(problem,
                         {.d_o = separate_heads(dy.data(), problem.queries, problem.head_dim),
                          .o = separate_heads(y.data(), problem.queries, problem.head_dim),
                          .max_sum = max_sum.data(),
                          .dq = rows(g.dq, problem.queries),
                          .dk = rows(g.dk, problem.keys),
                          .dv = rows(g.dv, problem.keys)});
  return g;
}

Tensor attention_mask_backward(const Tensor& dy, const Tensor& q, const Tensor& k, const Tensor& v,
                               const Tensor& mask, float scale, bool causal) {
  const auto of_scores = [&](int64_t begin, int64_t end, const Tensor& own_mask) {
    const Tensor keys = k.rows(begin, end);
    const Tensor p = attention_probabilities(q.rows(begin, end), keys, own_mask, scale, causal);
    const Tensor dp = matmul(dy.rows(begin, end), v.rows(begin, end), false, true);
    return sum_to(softmax_backward(dp, p, -1), own_mask.shape());
  };
  if (q.rank() == 2 || q.dim(0) == 0) {
    return q.numel() == 0 ? Tensor::zeros(mask.shape()) : of_scores(0, q.dim(0), mask);
  }
  // The scores of one batch element at a time, so that those of all are never in memory.
  const bool each_has_one = mask.rank() == q.rank() && mask.dim(0) > 1;
  std::vector<Tensor> parts;
  Tensor sum;
  for (int64_t b = 0; b < q.dim(0); ++b) {
    Tensor part = of_scores(b, b + 1, each_has_one ? mask.rows(b, b + 1) : mask);
    if (each_has_one) {
      parts.push_back(std::move(part));
    } else {
      sum = sum.defined() ? add(std::move(sum), part) : part;
    }
  }
  return each_has_one ? concat(parts, 0) : sum;
}

Tensor attention_probabilities(const Tensor& qkv, int64_t heads, float scale, const Tensor& bias) {
  const ProfileScope profile("attention_probabilities");
  const AttentionProblem problem = of_qkv("attention_probabilities", qkv, heads, scale, bias);
  Tensor p = Tensor::empty({qkv.dim(0), heads, problem.queries, problem.keys});
  run_attention_probabilities(problem, p.mutable_data());
  return p;
}

Tensor attention_probabilities(const Tensor& q, const Tensor& k, const Tensor& mask, float scale,
                               bool causal) {
  const ProfileScope profile("attention_probabilities");
  const AttentionProblem problem =
      of_separate("attention_probabilities", q, k, Tensor(), mask, scale, causal);
  Tensor p = Tensor::empty(scores_shape(q, k));
  run_attention_probabilities(problem, p.mutable_data());
  return p;
}

}  // namespace vitrine
