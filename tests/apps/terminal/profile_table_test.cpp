// What VITRINE_PROFILE=1 prints, to the letter.

#include "apps/terminal/profile_table.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace vitrine {
namespace {

TEST_CASE("profile table: rows, shares, GFLOP/s", "[apps]") {
  const std::vector<ProfileRow> rows = {{"linear backward", 4, 0.003, 6'000'000},
                                        {"sum", 1, 0.001, 0}};
  CHECK(profile_table(rows) ==
        "operation           calls          ms    share   GFLOP/s\n"
        "linear backward         4        3.00   75.0 %       4.0\n"
        "sum                     1        1.00   25.0 %          \n"
        "all                              4.00\n");
  CHECK(profile_table({}).empty());
}

}  // namespace
}  // namespace vitrine
