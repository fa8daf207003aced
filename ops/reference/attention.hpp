#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "ops/kernels/attention.hpp"

namespace vitrine::reference {

/// A row of scores, (M), and the largest of it: scale q_i k_j + mask_ij, -inf where causal hides.
template <class T>
T attention_scores(const kernels::AttentionHead<T>& head, int64_t i, T* s) {
  T top = -std::numeric_limits<T>::infinity();
  for (int64_t j = 0; j < head.keys; ++j) {
    T sum = 0;
    for (int64_t d = 0; d < head.head_dim; ++d) {
      sum += head.q[i * head.q_pitch + d] * head.k[j * head.k_pitch + d];
    }
    s[j] = head.scale * sum;
    if (head.mask != nullptr) s[j] += head.mask[i * head.mask_row + j * head.mask_column];
    if (head.causal && j > i) s[j] = -std::numeric_limits<T>::infinity();
    top = std::max(top, s[j]);
  }
  return top;
}

/// p_j = e^(s_j - max) / sum over j of e^(s_j - max), in place of s. Returns that sum. The maximum
/// only keeps e^s from overflowing.
template <class T>
T attention_softmax(int64_t keys, T top, T* s) {
  T sum = 0;
  for (int64_t j = 0; j < keys; ++j) {
    s[j] = std::exp(s[j] - top);
    sum += s[j];
  }
  for (int64_t j = 0; j < keys; ++j) s[j] /= sum;
  return sum;
}

template <class T>
int64_t attention_scratch(int64_t, int64_t keys, int64_t) {
  return 2 * keys;
}

/// o_i = sum over j of p_ij v_j.
template <class T>
void attention_forward(const kernels::AttentionHead<T>& head, int64_t begin, int64_t end, T* o,
                       int64_t o_pitch, T* max_sum, const kernels::AttentionHead<T>*, T* scratch) {
  T* p = scratch;
  for (int64_t i = begin; i < end; ++i) {
    const T top = attention_scores(head, i, p);
    const T sum_of_row = attention_softmax(head.keys, top, p);
    if (max_sum != nullptr) {
      max_sum[2 * i] = top;
      max_sum[2 * i + 1] = sum_of_row;
    }
    for (int64_t d = 0; d < head.head_dim; ++d) {
      T sum = 0;
      for (int64_t j = 0; j < head.keys; ++j) sum += p[j] * head.v[j * head.v_pitch + d];
      o[i * o_pitch + d] = sum;
    }
  }
}

/// With g = do and p_ij = e^(s_ij - m_i) / l_i, for every query i:
///   dv_j += p_ij g_i                      dp_ij = g_i v_j
///   ds_ij = p_ij (dp_ij - g_i o_i)        (g_i o_i = sum over j of p_ij dp_ij)
///   dq_i = scale sum over j of ds_ij k_j  dk_j += scale ds_ij q_i
template <class T>
void attention_backward(const kernels::AttentionBackwardHead<T>& to, int64_t begin, int64_t end,
                        const kernels::AttentionBackwardHead<T>*, T* scratch) {
  const kernels::AttentionHead<T>& head = to.head;
  const int64_t hd = head.head_dim;
  T* p = scratch;
  T* ds = scratch + head.keys;
  for (int64_t j = 0; j < head.keys; ++j) {
    if (to.dk != nullptr) std::fill_n(to.dk + j * to.dk_pitch, hd, T(0));
    if (to.dv != nullptr) std::fill_n(to.dv + j * to.dv_pitch, hd, T(0));
  }
  for (int64_t i = begin; i < end; ++i) {
    const T* g = to.d_o + i * to.d_o_pitch;
    T delta = 0;
    for (int64_t d = 0; d < hd; ++d) delta += g[d] * to.o[i * to.o_pitch + d];

    attention_scores(head, i, p);
    for (int64_t j = 0; j < head.keys; ++j) {
      p[j] = std::exp(p[j] - to.max_sum[2 * i]) / to.max_sum[2 * i + 1];
      T dp = 0;
      for (int64_t d = 0; d < hd; ++d) dp += g[d] * head.v[j * head.v_pitch + d];
      ds[j] = p[j] * (dp - delta);
    }
    if (to.dq != nullptr) std::fill_n(to.dq + i * to.dq_pitch, hd, T(0));
    for (int64_t j = 0; j < head.keys; ++j) {
      for (int64_t d = 0; d < hd; ++d) {
        const T scaled = head.scale * ds[j];
        if (to.dq != nullptr) to.dq[i * to.dq_pitch + d] += scaled * head.k[j * head.k_pitch + d];
        if (to.dk != nullptr) to.dk[j * to.dk_pitch + d] += scaled * head.q[i * head.q_pitch + d];
        if (to.dv != nullptr) to.dv[j * to.dv_pitch + d] += p[j] * g[d];
      }
    }
  }
}

/// The softmax alone: p (N, M).
template <class T>
void attention_probabilities(const kernels::AttentionHead<T>& head, int64_t begin, int64_t end,
                             T* p, T*) {
  for (int64_t i = begin; i < end; ++i) {
    T* row = p + i * head.keys;
    attention_softmax(head.keys, attention_scores(head, i, row), row);
  }
}

}  // namespace vitrine::reference
