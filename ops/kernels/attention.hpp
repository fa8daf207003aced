#pragma once

#include <cstdint>

namespace vitrine::kernels {

/// One head of one batch element: softmax(scale q k^T + mask) v. Rows may lie anywhere: a pitch is
/// the distance between two tokens, in floats.
template <class T>
struct AttentionHead {
  int64_t queries = 0;   // N
  int64_t keys = 0;      // M, at least 1
  int64_t head_dim = 0;  // hd, at least 1
  const T* q = nullptr;  // (N, hd)
  const T* k = nullptr;  // (M, hd)
  const T* v = nullptr;  // (M, hd)
  int64_t q_pitch = 0;
  int64_t k_pitch = 0;
  int64_t v_pitch = 0;
  const T* mask = nullptr;  // null, or (N, M) by these strides, which may be 0
  int64_t mask_row = 0;
  int64_t mask_column = 0;  // 0 or 1
  T scale = 1;
  bool causal = false;  // query i sees the keys j <= i
};

/// One head of backward. A null gradient is not wanted.
template <class T>
struct AttentionBackwardHead {
  AttentionHead<T> head;
  const T* d_o = nullptr;  // (N, hd), the gradient of o
  const T* o = nullptr;    // (N, hd), what forward returned
  int64_t d_o_pitch = 0;
  int64_t o_pitch = 0;
  const T* max_sum = nullptr;  // (N, 2), what forward returned
  T* dq = nullptr;             // (N, hd)
  T* dk = nullptr;             // (M, hd)
  T* dv = nullptr;             // (M, hd)
  int64_t dq_pitch = 0;
  int64_t dk_pitch = 0;
  int64_t dv_pitch = 0;
};

/// Kernels of ops/attention, for the queries [begin, end) of one head. Arrays over queries start at
/// query 0, whatever begin is. `next` is null, or the head that comes after this one: it is fetched
/// into the cache meanwhile, since rows that far apart escape the hardware's prefetcher. `scratch`
/// is aligned to 64 bytes; the *_scratch functions say how many floats it has, for ranges of up to
/// `queries` rows. Nothing may overlap.
struct Attention {
  /// o (N, hd) by o_pitch; max_sum (N, 2), or null: m, the largest score of the row in a unit that
  /// only the same kernel's backward knows, and l, the sum of e^(score - m). Two numbers, since
  /// m + log l would round l to the precision of m, and P with it where scores are large.
  int64_t (*forward_scratch)(int64_t queries, int64_t keys, int64_t head_dim);
  void (*forward)(const AttentionHead<float>& head, int64_t begin, int64_t end, float* o,
                  int64_t o_pitch, float* max_sum, const AttentionHead<float>* next,
                  float* scratch);

  /// Writes the rows [begin, end) of dq, and all of dk and dv: their sums over these queries alone.
  int64_t (*backward_scratch)(int64_t queries, int64_t keys, int64_t head_dim);
  void (*backward)(const AttentionBackwardHead<float>& head, int64_t begin, int64_t end,
                   const AttentionBackwardHead<float>* next, float* scratch);

  /// The softmax itself: p (N, M), without gaps. v is not read.
  int64_t (*probabilities_scratch)(int64_t queries, int64_t keys, int64_t head_dim);
  void (*probabilities)(const AttentionHead<float>& head, int64_t begin, int64_t end, float* p,
                        float* scratch);
};

}  // namespace vitrine::kernels
