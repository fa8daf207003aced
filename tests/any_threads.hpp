#pragma once

#include <catch2/catch.hpp>
#include <vector>

#include "core/parallel.hpp"
#include "tests/numbers.hpp"

namespace vitrine::test {

/// Checks that run(), which returns tensors, gives the same bits on 1, 2, 3 and 4 threads. Returns
/// them.
template <class Run>
std::vector<Tensor> same_on_any_threads(const Run& run) {
  std::vector<Tensor> one;
  for (const int n : {1, 2, 3, 4}) {
    set_threads(n);
    const std::vector<Tensor> got = run();
    set_threads(0);
    if (n == 1) one = got;
    REQUIRE(got.size() == one.size());
    for (size_t i = 0; i < got.size(); ++i) {
      CAPTURE(n, i);
      CHECK(same_bits(one[i], got[i]));
    }
  }
  return one;
}

}  // namespace vitrine::test
