// Attention where scores are large, or hidden: rows of which one key has everything, in forward and
// backward, no overflow, rows without any key.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "ops/attention.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::random_tensor;

// One key has everything: its P is 1 to the last bit in forward, whatever the scores are, and must
// be so in backward.
TEST_CASE("attention: the gradient of V is exact where one key has all of every row",
          "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t n = 12;
  const int64_t m = GENERATE(3, 600);
  const int64_t hd = GENERATE(1, 12, 16);
  Tensor q = random_tensor({n, hd}, 1, 0.1);
  Tensor k = Tensor::zeros({m, hd});
  Tensor v = random_tensor({m, hd}, 2);
  for (int64_t i = 0; i < n; ++i) q.mutable_data()[i * hd] += 17.3F * static_cast<float>(i + 1);
  for (int64_t d = 0; d < hd; ++d) k.mutable_data()[(m - 1) * hd + d] = 23.7F;
  const Tensor dy = random_tensor({n, hd}, 3);
  Tape tape;
  tape.watch(v);
  const Tensor y = scaled_dot_product_attention(q, k, v, Tensor(), 1.0F);
  const Tensor dv = tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(v);
  for (int64_t d = 0; d < hd; ++d) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += dy.data()[i * hd + d];
    CHECK(dv.data()[(m - 1) * hd + d] == sum);
    CHECK(dv.data()[d] == 0.0F);
  }
}

TEST_CASE("attention: large scores do not overflow", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor q = Tensor::from(std::vector{100.0F, -100.0F}, {2, 1});
  const Tensor k = Tensor::from(std::vector{100.0F, -100.0F, 0.0F}, {3, 1});
  const Tensor v = Tensor::from(std::vector{1.0F, 2.0F, 3.0F}, {3, 1});
  const Tensor y = scaled_dot_product_attention(q, k, v, Tensor(), 1.0F);
  CHECK(y.values()[0] == 1.0F);
  CHECK(y.values()[1] == 2.0F);
}

TEST_CASE("attention: a row without any key is NaN, and only that row", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t m = GENERATE(5, 600);
  const Tensor q = random_tensor({3, 4}, 1);
  const Tensor k = random_tensor({m, 4}, 2);
  Tensor mask = Tensor::zeros({3, m});
  // Row 1 sees nothing; row 2 only the last key, after a whole tile of nothing.
  std::fill_n(mask.mutable_data() + m, 2 * m - 1, -std::numeric_limits<float>::infinity());
  const Tensor y = scaled_dot_product_attention(q, k, k, mask, 0.5F);
  const Tensor p = attention_probabilities(q, k, mask, 0.5F);
  for (int64_t d = 0; d < 4; ++d) {
    CHECK(std::isfinite(y.data()[d]));
    CHECK(std::isnan(y.data()[4 + d]));
    CHECK(y.data()[8 + d] == Approx(k.data()[(m - 1) * 4 + d]).epsilon(1e-6));
  }
  CHECK(std::isnan(p.data()[m]));
  CHECK(p.data()[2 * m] == 0.0F);
  CHECK(p.data()[3 * m - 1] == 1.0F);
}

}  // namespace
}  // namespace vitrine
