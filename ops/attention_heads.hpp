#pragma once

#include <cstdint>

#include "core/tensor.hpp"
#include "ops/kernels/attention.hpp"

// Between ops/attention and its kernels: where the heads of a tensor lie, and how the work on them
// is shared out.

namespace vitrine::detail {

/// The rows of all heads in one array: how far apart batch elements, heads and tokens are.
template <class T>
struct HeadRows {
  T* data = nullptr;
  int64_t batch = 0;
  int64_t head = 0;
  int64_t token = 0;

  T* at(int64_t i, int64_t heads) const {
    return data == nullptr ? nullptr : data + i / heads * batch + i % heads * head;
  }
};

/// (..., tokens, hd): every matrix counts as a batch element with one head.
template <class T>
HeadRows<T> separate_heads(T* data, int64_t tokens, int64_t head_dim) {
  return {data, tokens * head_dim, 0, head_dim};
}

/// Heads side by side in rows of `width`, from column `first` on.
template <class T>
HeadRows<T> side_by_side(T* data, int64_t tokens, int64_t width, int64_t first, int64_t head_dim) {
  return {data == nullptr ? nullptr : data + first, tokens * width, head_dim, width};
}

/// All heads of one call.
struct AttentionProblem {
  int64_t count = 0;  // of all heads
  int64_t heads = 1;  // per batch element
  int64_t queries = 0;
  int64_t keys = 0;
  int64_t head_dim = 0;
  HeadRows<const float> q, k, v;
  Shape leading;                 // the axes before (N, hd), which the mask broadcasts to
  const Tensor* mask = nullptr;  // (..., N or 1, M or 1)
  float scale = 1;
  bool causal = false;

  kernels::AttentionHead<float> head(int64_t i) const;
  bool empty() const { return count == 0 || queries == 0 || keys == 0; }
};

/// What backward reads, and the gradients it writes; one without data is not wanted.
struct AttentionBackwardRows {
  HeadRows<const float> d_o, o;
  const float* max_sum = nullptr;
  HeadRows<float> dq, dk, dv;
};

/// o and max_sum (count, N, 2) are written; max_sum may be null. Empty problems write nothing.
void run_attention(const AttentionProblem& problem, const HeadRows<float>& o, float* max_sum);
void run_attention_backward(const AttentionProblem& problem, const AttentionBackwardRows& rows);
/// p (count, N, M) is written.
void run_attention_probabilities(const AttentionProblem& problem, float* p);

}  // namespace vitrine::detail
