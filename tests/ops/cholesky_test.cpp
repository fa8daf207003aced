// Cholesky: the factor and what it solves, in double; what is not positive definite is refused.

#include "ops/cholesky.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "tests/numbers.hpp"

namespace vitrine {
namespace {

TEST_CASE("cholesky: the factor and the solution in double", "[ops]") {
  for (const int64_t n : {1, 2, 7, 40, 300}) {
    const auto x = test::randoms<double>(n * (n + 3), 1);
    std::vector<double> a(static_cast<size_t>(n * n));
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        for (int64_t k = 0; k < n + 3; ++k) {
          a[static_cast<size_t>(i * n + j)] +=
              x[static_cast<size_t>(i * (n + 3) + k)] * x[static_cast<size_t>(j * (n + 3) + k)];
        }
      }
    }
    for (int64_t i = 0; i < n; ++i) a[static_cast<size_t>(i * n + i)] += 0.1;
    const auto want = test::randoms<double>(n * 19, 2);
    std::vector<double> b(want.size());
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        for (int64_t c = 0; c < 19; ++c) {
          b[static_cast<size_t>(i * 19 + c)] +=
              a[static_cast<size_t>(i * n + j)] * want[static_cast<size_t>(j * 19 + c)];
        }
      }
    }
    REQUIRE(cholesky(a, n));
    cholesky_solve(a, n, b, 19);
    CHECK(test::max_error(b, want) < 1e-8);
  }
  std::vector<double> indefinite = {1, 2, 2, 1};
  CHECK_FALSE(cholesky(indefinite, 2));
  std::vector<double> nan = {std::nan("")};
  CHECK_FALSE(cholesky(nan, 1));
}

}  // namespace
}  // namespace vitrine
