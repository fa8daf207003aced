// The pairs of classes that are confused most often: order, shares, limits.

#include "models/inference/confused_pairs.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"

namespace vitrine {
namespace {

TEST_CASE("confused pairs: by count, then by the share of the true class", "[models]") {
  const std::vector<int64_t> counts = {5, 3, 0,  //
                                       1, 0, 3,  //
                                       2, 2, 9};
  const auto pairs = confused_pairs(counts, 3, 10);
  REQUIRE(pairs.size() == 5);
  CHECK(pairs[0].truth == 1);  // 3 of 4 before 3 of 8
  CHECK(pairs[0].prediction == 2);
  CHECK(pairs[0].count == 3);
  CHECK(pairs[0].of == 4);
  CHECK(pairs[1].truth == 0);
  CHECK(pairs[2].prediction == 0);  // equal in all: in the order of the classes
  CHECK(pairs[3].prediction == 1);
  CHECK(pairs[4].count == 1);
  CHECK(confused_pairs(counts, 3, 2).size() == 2);
  CHECK(confused_pairs(std::vector<int64_t>{4, 0, 0, 4}, 2, 5).empty());
  CHECK(confused_pairs({}, 0, 5).empty());
  CHECK_THROWS_AS(confused_pairs(counts, 2, 5), ShapeError);
}

}  // namespace
}  // namespace vitrine
