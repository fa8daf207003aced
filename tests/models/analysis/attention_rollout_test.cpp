// attention_rollout and attention_map: against matrix products written out in double, and by hand.

#include "models/analysis/attention_rollout.hpp"

#include <catch2/catch.hpp>

#include <cmath>

#include "core/error.hpp"
#include "models/analysis/attention_map.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using Matrix = std::vector<std::vector<double>>;

// Rows of positive numbers with sum 1: (H, N, N).
Tensor random_attention(int64_t heads, int64_t tokens, uint64_t stream) {
  auto values = test::randoms(heads * tokens * tokens, stream);
  for (int64_t row = 0; row < heads * tokens; ++row) {
    float* at = values.data() + row * tokens;
    float sum = 0;
    for (int64_t i = 0; i < tokens; ++i) sum += at[i] = std::exp(at[i]);
    for (int64_t i = 0; i < tokens; ++i) at[i] /= sum;
  }
  return Tensor::from(values, {heads, tokens, tokens});
}

// The paper's words as matrices: mean over heads, plus identity, rows scaled, product of all
// blocks.
Matrix rollout_matrix(const std::vector<Tensor>& blocks, size_t n) {
  Matrix product;
  for (const Tensor& block : blocks) {
    const auto heads = static_cast<size_t>(block.dim(0));
    Matrix a(n, std::vector<double>(n));
    for (size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (size_t j = 0; j < n; ++j) {
        for (size_t h = 0; h < heads; ++h) {
          a[i][j] += double{block.data()[(h * n + i) * n + j]} / static_cast<double>(heads);
        }
        a[i][j] += i == j ? 1 : 0;
        sum += a[i][j];
      }
      for (double& v : a[i]) v /= sum;
    }
    if (product.empty()) {
      product = a;
      continue;
    }
    Matrix next(n, std::vector<double>(n));
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < n; ++k) {
        for (size_t j = 0; j < n; ++j) next[i][j] += a[i][k] * product[k][j];
      }
    }
    product = next;
  }
  return product;
}

TEST_CASE("attention_rollout: the class token's row of the product of all blocks", "[models]") {
  const TokenLayout layout = {.prefix = 1, .grid_height = 2, .grid_width = 3, .read = 1};
  const std::vector<Tensor> blocks = {random_attention(3, 7, 1), random_attention(3, 7, 2),
                                      random_attention(3, 7, 3), random_attention(3, 7, 4)};
  const Tensor got = attention_rollout(blocks, layout);
  REQUIRE(got.shape() == Shape{2, 3});
  const Matrix want = rollout_matrix(blocks, 7);
  double sum = 0;
  for (size_t p = 0; p < 6; ++p) {
    CHECK(double{got.data()[p]} == Approx(want[0][1 + p]).epsilon(1e-6));
    sum += double{got.data()[p]};
  }
  CHECK(sum < 1);
}

TEST_CASE(
    "attention_rollout: two tokens before the patches, and heads that read the mean of the patches",
    "[models]") {
  std::vector<Tensor> blocks = {random_attention(2, 6, 7), random_attention(1, 6, 8)};
  const Matrix want = rollout_matrix(blocks, 6);
  const Tensor distilled =
      attention_rollout(blocks, {.prefix = 2, .grid_height = 2, .grid_width = 2, .read = 2});
  const Tensor mean =
      attention_rollout(blocks, {.prefix = 2, .grid_height = 1, .grid_width = 4, .read = 0});
  for (size_t p = 0; p < 4; ++p) {
    CHECK(double{distilled.data()[p]} == Approx((want[0][2 + p] + want[1][2 + p]) / 2));
    double column = 0;
    for (size_t i = 2; i < 6; ++i) column += want[i][2 + p] / 4;
    CHECK(double{mean.data()[p]} == Approx(column));
  }
}

TEST_CASE("attention_map: the class token's row of each head", "[models]") {
  const Tensor attention = random_attention(3, 5, 1);
  const Tensor map =
      attention_map(attention, {.prefix = 1, .grid_height = 2, .grid_width = 2, .read = 1});
  REQUIRE(map.shape() == Shape{3, 2, 2});
  for (int64_t h = 0; h < 3; ++h) {
    for (int64_t p = 0; p < 4; ++p) {
      CHECK(map.data()[h * 4 + p] == attention.data()[h * 25 + 1 + p]);
    }
  }
  const Tensor mean =
      attention_map(attention, {.prefix = 1, .grid_height = 2, .grid_width = 2, .read = 0});
  double column = 0;
  for (int64_t i = 1; i < 5; ++i) column += double{attention.data()[i * 5 + 1]} / 4;
  CHECK(double{mean.data()[0]} == Approx(column));
}

TEST_CASE("token_layout: what the head reads follows from the configuration", "[models]") {
  VitConfig config;
  config.image_height = 28;
  config.image_width = 56;
  config.patch_height = config.patch_width = 4;
  TokenLayout layout = TokenLayout::of(config);
  CHECK(layout.grid_height == 7);
  CHECK(layout.grid_width == 14);
  CHECK(layout.prefix == 1);
  CHECK(layout.read == 1);
  CHECK(layout.tokens() == 99);
  config.registers = 4;
  config.distilled = true;
  layout = TokenLayout::of(config);
  CHECK(layout.prefix == 6);
  CHECK(layout.read == 2);
  config.distilled = config.class_token = false;
  config.pool = Pool::kMean;
  layout = TokenLayout::of(config);
  CHECK(layout.prefix == 4);
  CHECK(layout.read == 0);
  double sum = 0;
  for (const double w : layout.read_weights()) sum += w;
  CHECK(sum == Approx(1));
  CHECK(layout.read_weights()[3] == 0);
}

TEST_CASE("attention_rollout: attention of another shape is refused", "[models][errors]") {
  const TokenLayout layout = {.prefix = 1, .grid_height = 2, .grid_width = 2, .read = 1};
  CHECK_THROWS_AS(attention_rollout({}, layout), ShapeError);
  const std::vector<Tensor> wrong = {random_attention(2, 5, 1), random_attention(2, 6, 2)};
  CHECK_THROWS_AS(attention_rollout(wrong, layout), ShapeError);
  CHECK_THROWS_AS(attention_map(Tensor(), layout), ShapeError);
  CHECK_THROWS_AS(attention_map(random_attention(2, 6, 2), layout), ShapeError);
  CHECK_THROWS_AS(attention_map(Tensor::zeros({5, 5}), layout), ShapeError);
}

}  // namespace
}  // namespace vitrine
