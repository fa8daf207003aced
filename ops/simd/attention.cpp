// Attention of one head, tile by tile (Dao et al. 2022, arXiv 2205.14135; Milakov, Gimelshein 2018,
// arXiv 1805.02867 for the softmax). For a block of queries, over the tiles of keys from left to
// right:
//
//   S  = scale Q K^T (+ mask)                              (block, tile), in L2
//   m' = max(m, the largest of a row of S)
//   P  = e^(S - m')
//   l' = e^(m - m') l + the sum of a row of P
//   O' = e^(m - m') O + P V
//
// and after the last tile O / l. Up to kTile keys there is one tile, and nothing to correct. The
// derivation, and that of backward, is in ops/attention.md.

#include "ops/kernels/attention.hpp"

#include "ops/simd/attention_backward.hpp"
#include "ops/simd/attention_scores.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

// Keys per tile; a block of scores then takes 132 KiB of L2. 256 to 1024 are equally fast.
constexpr int64_t kTile = 512;

struct Forward {
  Pieces tiles;
  int64_t s_pitch, o_pitch;
  int64_t kt_tile;  // floats from one tile of kt to the next
  float* kt;        // transposed keys, tile by tile
  float* v;         // values, tile by tile
  float* q;         // (block, hd), times query_factor
  float* s;         // (block, tile)
  float* o;         // (block, hd)
  float* max;       // (block), m of the rows, in units of ln 2
  float* top;       // (block), the largest of a row of s
  float* sum;       // (block), l of the rows
  int64_t floats;

  Forward(int64_t keys, int64_t head_dim, float* memory)
      : tiles(0, keys, kTile),
        s_pitch(score_pitch(tiles.largest())),
        o_pitch(Panels(head_dim).padded()),
        kt_tile(Panels(tiles.largest()).padded() * head_dim) {
    Scratch scratch(memory);
    kt = scratch.take(tiles.count * kt_tile);
    v = scratch.take(keys * o_pitch);
    q = scratch.take(kBlock * head_dim);
    s = scratch.take(kBlock * s_pitch);
    o = scratch.take(kBlock * o_pitch);
    max = scratch.take(kBlock);
    top = scratch.take(kBlock);
    sum = scratch.take(kBlock);
    floats = scratch.used();
  }

  void pack(const Head& head) const {
    for (int64_t t = 0; t < tiles.count; ++t) {
      const int64_t at = tiles.begin(t);
      pack_transposed(head.head_dim, tiles.size(t), head.k + at * head.k_pitch, head.k_pitch,
                      kt + t * kt_tile);
      pack_rows(tiles.size(t), head.head_dim, head.v + at * head.v_pitch, head.v_pitch, 1.0F,
                v + at * o_pitch);
    }
  }

  /// Row i of a tile of scores becomes P; m, l and O of the row follow. top[i] is its maximum.
  void softmax_row(int64_t i, int64_t keys, bool first) const {
    float here = top[i];
    if (!first && max[i] > here) here = max[i];
    // A row that has seen no key yet stays at 0 instead of e^(-inf + inf).
    const float shift = here == -kInfinity ? 0.0F : here;
    const float added = exponentials(keys, s + i * s_pitch, shift);
    if (first) {
      sum[i] = added;
    } else {
      const float factor = power_of_two(splat(max[i] - shift)).get(0);
      sum[i] = factor * sum[i] + added;
      scale_row(o_pitch, factor, o + i * o_pitch, o + i * o_pitch);
    }
    max[i] = here;
  }
};

int64_t forward_scratch(int64_t, int64_t keys, int64_t head_dim) {
  return Forward(keys, head_dim, nullptr).floats;
}

void forward(const Head& head, int64_t begin, int64_t end, float* o, int64_t o_pitch,
             float* max_sum, const Head* next, float* scratch) {
  const int64_t hd = head.head_dim;
  const Forward f(head.keys, hd, scratch);
  f.pack(head);
  const Pieces blocks(begin, end - begin, kBlock);
  for (int64_t b = 0; b < blocks.count; ++b) {
    const int64_t first = blocks.begin(b);
    const int64_t rows = blocks.size(b);
    for (int64_t i = 0; i < rows; ++i) {
      scale_row(hd, query_factor(head), head.q + (first + i) * head.q_pitch, f.q + i * hd);
    }
    for (int64_t t = 0; t < f.tiles.count; ++t) {
      const int64_t at = f.tiles.begin(t);
      const int64_t keys = visible_keys(head, first + rows, at, f.tiles.size(t));
      if (keys == 0) break;
      scores(head, first, rows, at, keys, f.q, f.kt + t * f.kt_tile, f.tiles.size(t), f.s,
             f.s_pitch);
      // All maxima first: the exponentials of a row then need not wait for its own, and overlap
      // with those of the next.
      for (int64_t i = 0; i < rows; ++i) f.top[i] = largest(keys, f.s + i * f.s_pitch);
      for (int64_t i = 0; i < rows; ++i) {
        if (t == 0) prefetch_row(hd, o + (first + i) * o_pitch);
        if (t == 0 && next != nullptr) prefetch_head(*next, first + i);
        f.softmax_row(i, keys, t == 0);
      }
      product<false>(rows, hd, keys, f.s, f.s_pitch, f.v + at * f.o_pitch, f.tiles.size(t), hd, f.o,
                     f.o_pitch, t > 0);
    }
    for (int64_t i = 0; i < rows; ++i) {
      scale_row(hd, 1.0F / f.sum[i], f.o + i * f.o_pitch, o + (first + i) * o_pitch);
    }
    if (max_sum == nullptr) continue;
    for (int64_t i = 0; i < rows; ++i) {
      max_sum[2 * (first + i)] = f.max[i];
      max_sum[2 * (first + i) + 1] = f.sum[i];
    }
  }
}

/// All keys are one tile here: whoever wants to see N x M has room for a block of it.
struct Probabilities {
  int64_t s_pitch;
  float *kt, *q, *s;
  int64_t floats;

  Probabilities(int64_t keys, int64_t head_dim, float* memory) : s_pitch(score_pitch(keys)) {
    Scratch scratch(memory);
    kt = scratch.take(Panels(keys).padded() * head_dim);
    q = scratch.take(kBlock * head_dim);
    s = scratch.take(kBlock * s_pitch);
    floats = scratch.used();
  }
};

int64_t probabilities_scratch(int64_t, int64_t keys, int64_t head_dim) {
  return Probabilities(keys, head_dim, nullptr).floats;
}

void probabilities(const Head& head, int64_t begin, int64_t end, float* p, float* scratch) {
  const int64_t hd = head.head_dim;
  const int64_t keys = head.keys;
  const Probabilities f(keys, hd, scratch);
  pack_transposed(hd, keys, head.k, head.k_pitch, f.kt);
  const Pieces blocks(begin, end - begin, kBlock);
  for (int64_t b = 0; b < blocks.count; ++b) {
    const int64_t first = blocks.begin(b);
    const int64_t rows = blocks.size(b);
    for (int64_t i = 0; i < rows; ++i) {
      scale_row(hd, query_factor(head), head.q + (first + i) * head.q_pitch, f.q + i * hd);
    }
    scores(head, first, rows, 0, keys, f.q, f.kt, keys, f.s, f.s_pitch);
    for (int64_t i = 0; i < rows; ++i) {
      float* row = f.s + i * f.s_pitch;
      const float sum = exponentials(keys, row, largest(keys, row));
      scale_row(keys, 1.0F / sum, row, p + (first + i) * keys);
    }
  }
}

}  // namespace

extern const Attention attention;
const Attention attention{
    .forward_scratch = forward_scratch,
    .forward = forward,
    .backward_scratch = attention_backward_scratch,
    .backward = attention_backward,
    .probabilities_scratch = probabilities_scratch,
    .probabilities = probabilities,
};

}  // namespace vitrine::kernels::VT_ISA
