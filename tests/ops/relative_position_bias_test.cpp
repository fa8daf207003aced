// relative_position_bias: the bias of every pair worked out from the offset of its patches; its
// gradient gathered by hand; other windows; and attention with a bias: values and gradients against
// the formula in double, bit for bit the same for any number of threads.
// Not here: the values of timm and transformers (golden_check).

#include "ops/relative_position_bias.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/attention.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::random_tensor;

TEST_CASE("relative_position_bias: every pair has the number of its offset", "[ops][gradient]") {
  const Size2d window = GENERATE(Size2d{1, 1}, Size2d{2, 3}, Size2d{4, 1});
  const int64_t heads = 2;
  const int64_t n = window.h * window.w + 1;
  Tensor table = random_tensor({relative_position_rows(window), heads}, 1);
  const Tensor dy = random_tensor({heads, n, n}, 2);
  Tape tape;
  tape.watch(table);
  const Tensor bias = relative_position_bias(table, window);
  const Tensor got = tape.backward(std::span(&bias, 1), std::span(&dy, 1)).of(table);
  REQUIRE(bias.shape() == Shape{heads, n, n});
  std::vector<double> want(static_cast<size_t>(table.numel()), 0.0);
  const int64_t special = table.dim(0) - 3;
  for (int64_t q = 0; q < n; ++q) {
    for (int64_t k = 0; k < n; ++k) {
      const int64_t dy_ = (q - 1) / window.w - (k - 1) / window.w + window.h - 1;
      const int64_t dx = (q - 1) % window.w - (k - 1) % window.w + window.w - 1;
      const int64_t row = q == 0 && k == 0 ? special + 2
                          : q == 0         ? special
                          : k == 0         ? special + 1
                                           : dy_ * (2 * window.w - 1) + dx;
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t at = (h * n + q) * n + k;
        CHECK(bias.data()[at] == table.data()[row * heads + h]);
        want[static_cast<size_t>(row * heads + h)] += static_cast<double>(dy.data()[at]);
      }
    }
  }
  CHECK(max_error(got.values(), want) < 1e-6);
}

TEST_CASE("resample_relative_table: other windows", "[ops]") {
  const Tensor table = random_tensor({relative_position_rows({3, 3}), 2}, 1);
  const auto geometric = RelativeResampling::kGeometric;
  CHECK(test::same_bits(resample_relative_table(table, {3, 3}, {3, 3}, geometric), table));
  const Tensor larger = resample_relative_table(table, {3, 3}, {5, 4}, geometric);
  CHECK(larger.shape() == Shape{relative_position_rows({5, 4}), 2});
  // The three rows that are no offsets stay, and so does that of no offset at all.
  for (int64_t i = 0; i < 6; ++i) {
    CHECK(larger.data()[larger.numel() - 1 - i] == table.data()[table.numel() - 1 - i]);
  }
  CHECK(larger.data()[(4 * 7 + 3) * 2] == table.data()[(2 * 5 + 2) * 2]);
  CHECK_THROWS_AS(resample_relative_table(larger, {5, 4}, {3, 3}, geometric), UsageError);
  CHECK_THROWS_AS(relative_position_bias(table, {3, 4}), ShapeError);
}

/// softmax(scale q k^T + bias) v of one head of the rows of attention, in double.
double value_of(int64_t heads, int64_t n, int64_t hd, const std::vector<double>& qkv,
                const std::vector<double>& bias, const std::vector<double>& dy, double scale) {
  double total = 0;
  const int64_t width = heads * hd;
  const auto row = [&](int64_t b, int64_t token, int64_t part, int64_t h) {
    return qkv.data() + (b * n + token) * 3 * width + part * width + h * hd;
  };
  const auto batch = static_cast<int64_t>(qkv.size()) / (3 * width * n);
  for (int64_t i = 0; i < batch * heads * n; ++i) {
    const int64_t b = i / (heads * n);
    const int64_t h = i / n % heads;
    const int64_t q = i % n;
    std::vector<double> p(static_cast<size_t>(n));
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) {
      double score = bias[static_cast<size_t>((h * n + q) * n + k)];
      for (int64_t d = 0; d < hd; ++d) score += scale * row(b, q, 0, h)[d] * row(b, k, 1, h)[d];
      sum += p[static_cast<size_t>(k)] = std::exp(score);
    }
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t d = 0; d < hd; ++d) {
        total += p[static_cast<size_t>(k)] / sum * row(b, k, 2, h)[d] *
                 dy[static_cast<size_t>((b * n + q) * width + h * hd + d)];
      }
    }
  }
  return total;
}

TEST_CASE("attention: a bias of the scores, and its gradient", "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t heads = 2;
  const int64_t n = 5;
  const int64_t hd = 4;
  const Tensor dy = random_tensor({2, n, heads * hd}, 3);
  const auto got = test::same_on_any_threads([&] {
    Tensor qkv = random_tensor({2, n, 3 * heads * hd}, 1);
    Tensor bias = random_tensor({heads, n, n}, 2);
    Tape tape;
    tape.watch(qkv);
    tape.watch(bias);
    const Tensor y = attention(qkv, heads, 0.5F, bias);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(qkv), g.of(bias)};
  });
  const auto qkv = test::to_double(random_tensor({2, n, 3 * heads * hd}, 1).values());
  const auto bias = test::to_double(random_tensor({heads, n, n}, 2).values());
  const auto d = test::to_double(dy.values());
  CHECK(test::dot(got[0].values(), d) ==
        Approx(value_of(heads, n, hd, qkv, bias, d, 0.5)).margin(1e-5));
  const auto dqkv = test::differences(
      [&](const auto& v) { return value_of(heads, n, hd, v, bias, d, 0.5); }, qkv);
  const auto dbias = test::differences(
      [&](const auto& v) { return value_of(heads, n, hd, qkv, v, d, 0.5); }, bias);
  CHECK(max_error(got[1].values(), dqkv) < 1e-5);
  CHECK(max_error(got[2].values(), dbias) < 1e-5);
  CHECK_THROWS_AS(attention(random_tensor({2, n, 24}, 1), 2, 1, random_tensor({3, n, n}, 1)),
                  ShapeError);
}

}  // namespace
}  // namespace vitrine
