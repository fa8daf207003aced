// position_similarity: cosines by hand, and the limits of floats.

#include "models/analysis/position_similarity.hpp"

#include <catch2/catch.hpp>

#include <cmath>

#include "core/error.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

TEST_CASE("position_similarity: cosines of angles", "[models]") {
  const Tensor e = Tensor::from(std::vector<float>{3, 0, 0, 5, 1, 1, -2, 0, 0, 0}, {5, 2});
  const Tensor s = position_similarity(e);
  REQUIRE(s.shape() == Shape{5, 5});
  const auto at = [&](int64_t i, int64_t j) { return double{s.data()[i * 5 + j]}; };
  CHECK(at(0, 0) == 1);
  CHECK(at(0, 1) == 0);
  CHECK(at(0, 2) == Approx(std::sqrt(0.5)));
  CHECK(at(0, 3) == -1);
  CHECK(at(2, 3) == at(3, 2));
  for (int64_t i = 0; i < 5; ++i) CHECK(at(4, i) == 0);  // no direction
}

TEST_CASE("position_similarity: in [-1, 1], symmetric, free of scale", "[models]") {
  const Tensor e = test::random_tensor({49, 64}, 1);
  Tensor scaled = e.clone();
  for (int64_t i = 0; i < 64; ++i) scaled.mutable_data()[i] *= 1e-15F;
  const Tensor s = position_similarity(e);
  const Tensor t = position_similarity(scaled);
  for (int64_t i = 0; i < 49; ++i) {
    CHECK(s.data()[i * 50] == 1.0F);
    for (int64_t j = 0; j < 49; ++j) {
      CHECK(std::abs(s.data()[i * 49 + j]) <= 1.0F);
      CHECK(s.data()[i * 49 + j] == s.data()[j * 49 + i]);
      CHECK(t.data()[i * 49 + j] == Approx(s.data()[i * 49 + j]).margin(1e-6));
    }
  }
}

TEST_CASE("position_similarity: only a matrix will do", "[models][errors]") {
  CHECK_THROWS_AS(position_similarity(Tensor()), ShapeError);
  CHECK_THROWS_AS(position_similarity(Tensor::zeros({1, 49, 64})), ShapeError);
  CHECK(position_similarity(Tensor::zeros({0, 4})).numel() == 0);
}

}  // namespace
}  // namespace vitrine
