#include "ops/relative_attention.hpp"

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/binary.hpp"
#include "ops/linear.hpp"
#include "ops/matmul.hpp"
#include "ops/slice.hpp"
#include "ops/softmax.hpp"

namespace vitrine {
namespace {

/// (B, H, N, 2 N - 1), a column per offset -> (B, H, N, N), a column per key: row i begins N - 1 -
/// i columns further right. In memory that is the same step from row to row, one less than a row.
Tensor by_key(const Tensor& by_offset) {
  const int64_t batch = by_offset.dim(0);
  const int64_t heads = by_offset.dim(1);
  const int64_t n = by_offset.dim(2);
  if (n == 1) return by_offset;
  const int64_t step = 2 * n - 2;
  const Tensor flat = by_offset.reshape({batch, heads, n * (step + 1)});
  const Tensor rows = slice(flat, {0, 0, n - 1}, {batch, heads, n - 1 + n * step}, {1, 1, 1})
                          .reshape({batch, heads, n, step});
  return slice(rows, {0, 0, 0, 0}, {batch, heads, n, n}, {1, 1, 1, 1});
}

}  // namespace

Tensor relative_attention_probabilities(const Tensor& q, const Tensor& k, const Tensor& offsets,
                                        float scale) {
  constexpr const char* kName = "relative_attention_probabilities";
  const ProfileScope profile(kName);
  check(q.rank() == 4 && q.dim(2) > 0, kName, "q must be (B, H, N, hd) with at least one token");
  check_shape(kName, "k", k, q.shape(), "q", q.shape());
  check_shape(kName, "offsets", offsets, {2 * q.dim(2) - 1, q.dim(3)}, "q", q.shape());
  const Tensor scaled = mul(q, scale);
  const Tensor content = matmul(scaled, k, false, true);
  return softmax(add(content, by_key(linear(scaled, offsets, Tensor()))), -1);
}

}  // namespace vitrine
