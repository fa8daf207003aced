#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace vitrine::reference {

/// One head of relative_attention_probabilities as textbook loops: q, k (N, hd), offsets
/// (2 N - 1, hd) -> p (N, N). The proof that the composed operations are right.
///   p_ij = softmax_j(scale q_i . (k_j + offsets[j - i + N - 1]))
template <class T>
void relative_attention_probabilities(int64_t tokens, int64_t head_dim, const T* q, const T* k,
                                      const T* offsets, T scale, T* p) {
  for (int64_t i = 0; i < tokens; ++i) {
    T* row = p + i * tokens;
    T largest = -HUGE_VAL;
    for (int64_t j = 0; j < tokens; ++j) {
      const T* offset = offsets + (j - i + tokens - 1) * head_dim;
      T sum = 0;
      for (int64_t d = 0; d < head_dim; ++d) {
        sum += q[i * head_dim + d] * (k[j * head_dim + d] + offset[d]);
      }
      row[j] = scale * sum;
      largest = std::max(largest, row[j]);
    }
    T sum = 0;
    for (int64_t j = 0; j < tokens; ++j) sum += row[j] = std::exp(row[j] - largest);
    for (int64_t j = 0; j < tokens; ++j) row[j] /= sum;
  }
}

}  // namespace vitrine::reference
