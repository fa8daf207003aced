#pragma once

// What forward, backward and probabilities share: how the scores of a head are cut into tiles
// (a block of queries x a tile of keys), and how a tile is computed.

#include "ops/kernels/attention.hpp"
#include "ops/simd/attention_product.hpp"
#include "ops/simd/attention_softmax.hpp"

namespace vitrine::simd {
namespace {

using Head = kernels::AttentionHead<float>;

// Queries per block: what is read of the packed keys and values is used this often. Forward reaches
// the same speed with 24 to 96; backward adds a block's share to dK and dV each time, and wants
// few.
constexpr int64_t kBlock = 64;

/// `n` items from `start` in pieces of nearly equal size, at most `most` each.
struct Pieces {
  int64_t start, n, count;
  Pieces(int64_t start_, int64_t n_, int64_t most)
      : start(start_), n(n_), count(divide_up(n_, most)) {}
  int64_t begin(int64_t i) const { return start + n * i / count; }
  int64_t size(int64_t i) const { return begin(i + 1) - begin(i); }
  int64_t largest() const { return divide_up(n, count); }
};

/// Distance between the rows of a tile of scores, in floats: an odd number of cache lines, so that
/// the rows spread over all sets of L1.
inline int64_t score_pitch(int64_t keys) {
  constexpr int64_t kLine = 16;
  return (divide_up(Panels(keys).padded(), kLine) | 1) * kLine;
}

/// Hands out pieces of a kernel's scratch. Starting from null, it counts how much is needed.
class Scratch {
 public:
  explicit Scratch(float* start) : start_(start) {}
  float* take(int64_t floats) {
    float* piece = start_ == nullptr ? nullptr : start_ + used_;
    used_ += round_up(floats, 16);
    return piece;
  }
  int64_t used() const { return used_; }

 private:
  float* start_;
  int64_t used_ = 0;
};

/// to = factor * from, over n floats.
inline void scale_row(int64_t n, float factor, const float* from, float* to) {
  const Vec f = splat(factor);
  for_each_vector(n, [&](int64_t j, auto part) { part.store(to + j, f * part.load(from + j)); });
}

// g++ 12 takes a function that only prefetches for one without any effect, and drops the call,
// unless it is always inlined.
[[gnu::always_inline]] inline void prefetch_row(int64_t n, const float* row) {
  for (int64_t j = 0; j < n; j += 16) __builtin_prefetch(row + j, 0, 2);
}

/// Row i of q, k and v of a head that will be needed soon.
[[gnu::always_inline]] inline void prefetch_head(const Head& head, int64_t i) {
  if (i < head.queries) prefetch_row(head.head_dim, head.q + i * head.q_pitch);
  if (i >= head.keys) return;
  prefetch_row(head.head_dim, head.k + i * head.k_pitch);
  prefetch_row(head.head_dim, head.v + i * head.v_pitch);
}

/// The factor of q that gives scores in units of ln 2.
inline float query_factor(const Head& head) { return head.scale * kLog2E; }

/// How many of the keys [first_key, first_key + keys) any of the queries before `end` may see.
inline int64_t visible_keys(const Head& head, int64_t end, int64_t first_key, int64_t keys) {
  if (!head.causal || end - first_key >= keys) return keys;
  return end > first_key ? end - first_key : 0;
}

/// s (rows, keys) = the scores of the queries from first_row and the keys from first_key, in units
/// of ln 2, with the mask in them. q (rows, hd) without gaps is multiplied by query_factor already;
/// kt is the transpose of packed_keys >= keys keys.
inline void scores(const Head& head, int64_t first_row, int64_t rows, int64_t first_key,
                   int64_t keys, const float* q, const float* kt, int64_t packed_keys, float* s,
                   int64_t s_pitch) {
  const int64_t hd = head.head_dim;
  product<false>(rows, keys, hd, q, hd, kt, hd, packed_keys, s, s_pitch, false);
  if (head.mask != nullptr) {
    const Vec unit = splat(kLog2E);
    for (int64_t i = 0; i < rows; ++i) {
      float* row = s + i * s_pitch;
      const float* mask =
          head.mask + (first_row + i) * head.mask_row + first_key * head.mask_column;
      for_each_vector(keys, [&](int64_t j, auto part) {
        const Vec m = head.mask_column == 0 ? splat(*mask) : part.load(mask + j);
        part.store(row + j, fma(m, unit, part.load(row + j)));
      });
    }
  }
  if (head.causal) {
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t seen = visible_keys(head, first_row + i + 1, first_key, keys);
      float* row = s + i * s_pitch + seen;
      for_each_vector(keys - seen,
                      [&](int64_t j, auto part) { part.store(row + j, splat(-kInfinity)); });
    }
  }
}

}  // namespace
}  // namespace vitrine::simd
