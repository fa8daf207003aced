#pragma once

#include "core/tensor.hpp"
#include "ops/kernels/rotary_embedding.hpp"

namespace vitrine {

/// Rotary position embedding: in every head of every token behind the first `prefix` ones (class
/// token, registers), pairs of numbers (u, v) turn by the angles of the token's place:
///   u' = u cos - v sin,   v' = v cos + u sin
///   x       (B, H, N, hd), hd even
///   table   (2, N - prefix, hd), or (2, H, N - prefix, hd) for angles of every head's own: the
///           cosines, then the sines, of both numbers of each pair (ops/rotary_table)
///   returns as x; differentiable in x and table. An x that nobody else holds gives its storage to
///           the result.
/// Error: below 2e-7 (|u| + |v|). Throws ShapeError.
/// Source: Su et al. 2021, arXiv 2104.09864, eq. 34; Heo et al. 2024, arXiv 2403.13298.
Tensor rotary_embedding(Tensor x, const Tensor& table, RotaryLayout layout, int64_t prefix);

/// The same of the queries and keys in the rows of ops/attention: qkv (B, N, 3 D), of whose values
/// nothing changes.
Tensor rotary_embedding_qkv(Tensor qkv, int64_t heads, const Tensor& table, RotaryLayout layout,
                            int64_t prefix);

}  // namespace vitrine
