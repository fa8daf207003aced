#pragma once

// Backward of attention for one head. With S, P and O of the forward pass, and G = dO:
//
//   P  = e^(S - m) / l               recomputed, tile by tile, with m and l of forward
//   dV = P^T G
//   dP = G V^T
//   dS = P (dP - delta)              delta = the sum of a row of G O, which is that of P dP
//   dQ = scale dS K
//   dK = scale dS^T Q
//
// The tiles of keys are the outer loop: dK and dV of a tile stay in L2 while the queries pass by,
// and dQ, which is added up over the tiles, is the smaller thing to fetch again.

#include "ops/simd/attention_scores.hpp"

namespace vitrine::simd {
namespace {

// Keys per tile: K^T, V^T, K, dK and dV of it are 320 KiB for heads of 64.
constexpr int64_t kBackwardTile = 256;

using BackwardHead = kernels::AttentionBackwardHead<float>;

struct Backward {
  Pieces tiles;
  int64_t s_pitch, width;  // width: hd padded
  float *kt, *vt, *k;      // of a tile: packed (hd, tile), (hd, tile), (tile, hd)
  float *dk, *dv;          // (tile, width)
  float* q;                // (block, hd), times query_factor
  float *q_rows, *g_rows;  // of a block: the same packed (block, hd), and dO
  float *s, *ds;           // (block, tile): S, then P; dP, then dS
  float* dq;               // (queries, width)
  float* delta;            // (queries)
  int64_t floats;

  Backward(int64_t queries, int64_t keys, int64_t head_dim, float* memory)
      : tiles(0, keys, kBackwardTile),
        s_pitch(score_pitch(tiles.largest())),
        width(Panels(head_dim).padded()) {
    Scratch scratch(memory);
    const int64_t tile = tiles.largest();
    kt = scratch.take(Panels(tile).padded() * head_dim);
    vt = scratch.take(Panels(tile).padded() * head_dim);
    k = scratch.take(tile * width);
    dk = scratch.take(tile * width);
    dv = scratch.take(tile * width);
    q = scratch.take(kBlock * head_dim);
    q_rows = scratch.take(kBlock * width);
    g_rows = scratch.take(kBlock * width);
    s = scratch.take(kBlock * s_pitch);
    ds = scratch.take(kBlock * s_pitch);
    dq = scratch.take(queries * width);
    delta = scratch.take(queries);
    floats = scratch.used();
  }

  void pack_tile(const Head& head, int64_t at, int64_t keys) const {
    const int64_t hd = head.head_dim;
    pack_transposed(hd, keys, head.k + at * head.k_pitch, head.k_pitch, kt);
    pack_transposed(hd, keys, head.v + at * head.v_pitch, head.v_pitch, vt);
    pack_rows(keys, hd, head.k + at * head.k_pitch, head.k_pitch, 1.0F, k);
    for (int64_t j = 0; j < keys * width; j += kLanes) {
      store(dk + j, splat(0.0F));
      store(dv + j, splat(0.0F));
    }
  }

  void pack_block(const BackwardHead& to, int64_t first, int64_t rows) const {
    const Head& head = to.head;
    const int64_t hd = head.head_dim;
    const float* from = head.q + first * head.q_pitch;
    for (int64_t i = 0; i < rows; ++i) {
      scale_row(hd, query_factor(head), from + i * head.q_pitch, q + i * hd);
    }
    pack_rows(rows, hd, q, hd, 1.0F, q_rows);
    pack_rows(rows, hd, to.d_o + first * to.d_o_pitch, to.d_o_pitch, 1.0F, g_rows);
  }

  /// S becomes P, and dP becomes dS, in row i of the tile.
  void differentiate_row(int64_t i, int64_t keys, const float* max_sum, float row_delta) const {
    const Vec shift = splat(max_sum[0]);
    const Vec factor = splat(1.0F / max_sum[1]);
    const Vec d = splat(row_delta);
    float* s_row = s + i * s_pitch;
    float* ds_row = ds + i * s_pitch;
    for_each_vector(keys, [&](int64_t j, auto part) {
      const Vec p = power_of_two(part.load(s_row + j, -kInfinity) - shift) * factor;
      part.store(s_row + j, p);
      part.store(ds_row + j, p * (part.load(ds_row + j) - d));
    });
  }
};

inline int64_t attention_backward_scratch(int64_t queries, int64_t keys, int64_t head_dim) {
  return Backward(queries, keys, head_dim, nullptr).floats;
}

/// delta[i - begin] = sum over d of d_o[i][d] o[i][d], for queries [begin, end): one chain of
/// multiply-adds over d, as product() has for dP. Where a query sees one key alone, o is that key's
/// value to the last bit; equal chains then make dP - delta exactly 0, as it is in truth.
inline void row_deltas(const BackwardHead& to, int64_t begin, int64_t end, float* delta) {
  constexpr int64_t kRows = 8;  // chains side by side, which hides the latency of an addition
  for (int64_t first = begin; first < end; first += kRows) {
    const int64_t rows = end - first < kRows ? end - first : kRows;
    const float* g[kRows];
    const float* o[kRows];
    Vec sum[kRows];  // every lane alike: the very instruction that product() uses
    for (int64_t r = 0; r < kRows; ++r) {
      const int64_t i = first + (r < rows ? r : 0);
      g[r] = to.d_o + i * to.d_o_pitch;
      o[r] = to.o + i * to.o_pitch;
      sum[r] = splat(0.0F);
    }
    for (int64_t d = 0; d < to.head.head_dim; ++d) {
#pragma GCC unroll 8
      for (int64_t r = 0; r < kRows; ++r) sum[r] = fma(splat(g[r][d]), splat(o[r][d]), sum[r]);
    }
    for (int64_t r = 0; r < rows; ++r) delta[first - begin + r] = sum[r].get(0);
  }
}

/// Row i of what `to` will write, and of what the next head will read.
[[gnu::always_inline]] inline void prefetch_backward(const BackwardHead& to,
                                                     const BackwardHead* next, int64_t i) {
  const int64_t hd = to.head.head_dim;
  if (to.dq != nullptr) prefetch_row(hd, to.dq + i * to.dq_pitch);
  if (to.dk != nullptr && i < to.head.keys) prefetch_row(hd, to.dk + i * to.dk_pitch);
  if (to.dv != nullptr && i < to.head.keys) prefetch_row(hd, to.dv + i * to.dv_pitch);
  if (next == nullptr) return;
  prefetch_head(next->head, i);
  if (i >= next->head.queries) return;
  prefetch_row(hd, next->d_o + i * next->d_o_pitch);
  prefetch_row(hd, next->o + i * next->o_pitch);
}

/// One block of queries against the tile of keys [at, at + tile).
void backward_block(const BackwardHead& to, const BackwardHead* next, const Backward& f,
                    int64_t begin, int64_t first, int64_t rows, int64_t at, int64_t tile) {
  const int64_t hd = to.head.head_dim;
  const int64_t keys = visible_keys(to.head, first + rows, at, tile);
  if (keys == 0) return;
  f.pack_block(to, first, rows);
  scores(to.head, first, rows, at, keys, f.q, f.kt, tile, f.s, f.s_pitch);
  if (to.dq != nullptr || to.dk != nullptr) {
    product<false>(rows, keys, hd, to.d_o + first * to.d_o_pitch, to.d_o_pitch, f.vt, hd, tile,
                   f.ds, f.s_pitch, false);
  }
  for (int64_t i = 0; i < rows; ++i) {
    if (at == 0) prefetch_backward(to, next, first + i);
    f.differentiate_row(i, keys, to.max_sum + 2 * (first + i), f.delta[first + i - begin]);
  }
  if (to.dv != nullptr) {
    product<true>(keys, hd, rows, f.s, f.s_pitch, f.g_rows, rows, hd, f.dv, f.width, true);
  }
  if (to.dk != nullptr) {
    product<true>(keys, hd, rows, f.ds, f.s_pitch, f.q_rows, rows, hd, f.dk, f.width, true);
  }
  if (to.dq != nullptr) {
    product<false>(rows, hd, keys, f.ds, f.s_pitch, f.k, tile, hd, f.dq + (first - begin) * f.width,
                   f.width, at > 0);
  }
}

void attention_backward(const BackwardHead& to, int64_t begin, int64_t end,
                        const BackwardHead* next, float* scratch) {
  const Head& head = to.head;
  const int64_t hd = head.head_dim;
  const Backward f(end - begin, head.keys, hd, scratch);
  row_deltas(to, begin, end, f.delta);
  const Pieces blocks(begin, end - begin, kBlock);
  for (int64_t t = 0; t < f.tiles.count; ++t) {
    const int64_t at = f.tiles.begin(t);
    const int64_t tile = f.tiles.size(t);
    f.pack_tile(head, at, tile);
    for (int64_t b = 0; b < blocks.count; ++b) {
      backward_block(to, next, f, begin, blocks.begin(b), blocks.size(b), at, tile);
    }
    for (int64_t j = 0; j < tile; ++j) {
      // The queries in q_rows were multiplied by scale / ln 2.
      if (to.dk != nullptr) {
        scale_row(hd, kLn2, f.dk + j * f.width, to.dk + (at + j) * to.dk_pitch);
      }
      if (to.dv != nullptr) {
        scale_row(hd, 1.0F, f.dv + j * f.width, to.dv + (at + j) * to.dv_pitch);
      }
    }
  }
  if (to.dq == nullptr) return;
  for (int64_t i = begin; i < end; ++i) {
    scale_row(hd, head.scale, f.dq + (i - begin) * f.width, to.dq + i * to.dq_pitch);
  }
}

}  // namespace
}  // namespace vitrine::simd
