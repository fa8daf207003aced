// An update of many ranks, foretold: a case computed by hand, then what must hold of any.

#include "apps/bench/scale_model.hpp"

#include <catch2/catch.hpp>

namespace vitrine {
namespace {

// 25 million bytes of gradients for each of two ranks: two tenths of a second at 1 Gbit/s.
ScaleWork work() {
  return {.image_seconds = 0.03, .update_seconds = 0.02, .parameters = 12'500'000, .shards = 1};
}
ScaleLink link() { return {.gbits = 1, .latency = 0, .message = 0, .carry = 0}; }

TEST_CASE("scale: what two ranks wait for, by hand", "[apps]") {
  // Backward takes 0.4 s, and hides all but the last of 48 buckets of 2^18 parameters.
  const ScaleTime t = scale_time(work(), link(), 2, 20);
  CHECK(t.compute == Approx(0.6));
  CHECK(t.update == Approx(0.01));
  CHECK(t.travel == Approx(0.2));
  CHECK(t.gradients == Approx(0.2 / 48));
  CHECK(t.weights == Approx(0.2));
  CHECK(t.gathers == 0);
  CHECK(t.total() == Approx(0.6 + 0.01 + 0.2 / 48 + 0.2));
  // Five images: backward takes 0.1 s, the first bucket is there after a 48th of it.
  CHECK(scale_time(work(), link(), 2, 5).gradients == Approx(0.2 - 0.1 * 47 / 48));
}

TEST_CASE("scale: a rank alone waits for nothing, and is all of its own speed", "[apps]") {
  const ScaleTime t = scale_time(work(), ScaleLink(), 1, 20);
  CHECK(t.network() == 0);
  CHECK(t.total() == Approx(0.62));
  CHECK(scale_efficiency(work(), ScaleLink(), 1, 20) == 1);
}

TEST_CASE("scale: ranks of one node share its link, and need none among themselves", "[apps]") {
  ScaleLink l = link();
  l.ranks_a_node = 4;
  CHECK(scale_time(work(), l, 4, 20).weights == 0);
  // 4 times (8 - 4) / 8 of the bytes, beside 7 / 8 with a link each.
  CHECK(scale_time(work(), l, 8, 20).weights ==
        Approx(scale_time(work(), link(), 8, 20).weights * 2 / (7.0 / 8)));
}

TEST_CASE("scale: the batch that keeps an efficiency is the least", "[apps]") {
  for (const int64_t ranks : {2, 16, 1024}) {
    for (const double gbits : {1.0, 100.0}) {
      ScaleLink l;
      l.gbits = gbits;
      const int64_t batch = scale_batch(work(), l, ranks, 0.95);
      REQUIRE(batch > 1);
      CHECK(scale_efficiency(work(), l, ranks, batch) >= 0.95);
      CHECK(scale_efficiency(work(), l, ranks, batch - 1) < 0.95);
    }
  }
  CHECK(scale_batch(work(), {.gbits = 1e-9}, 2, 0.95) == 0);
}

}  // namespace
}  // namespace vitrine
