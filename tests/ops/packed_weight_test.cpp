// packed_weight and pack_weight: a frozen weight, packed for the products that read it.
//   once      per ISA and view of the weight
//   memory    the packed weight is all that is kept; the plain one comes back with the same bits
//   errors    what is not frozen, or not a matrix
// Not here: products with packed operands (gemm_test), weights borrowed from a file
// (borrowed_weight_test).

#include <algorithm>
#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/linear.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

TEST_CASE("packed weight: a frozen one is packed once per ISA and view", "[ops]") {
  Tensor weight = test::random_tensor({10, 6}, 1);
  CHECK(packed_weight(weight) == nullptr);
  weight.freeze();
  const auto packed = packed_weight(weight);
  REQUIRE(packed != nullptr);
  CHECK(packed->n() == 10);
  CHECK(packed->k() == 6);
  const Tensor half = weight.rows(5, 10);
  const auto packed_half = packed_weight(half);
  CHECK(packed_half->n() == 5);
  CHECK(packed_weight(weight) == packed);
  CHECK(packed_weight(half) == packed_half);
  {
    const ScopedIsa other(Isa::kReference);
    CHECK(packed_weight(weight)->isa() == Isa::kReference);
  }
  CHECK(packed_weight(weight) ==
        (active_isa() == Isa::kReference ? packed_weight(weight) : packed));
}

TEST_CASE("packed weight: it is all that is kept, and gives back the same bits", "[ops][memory]") {
  const auto check = [](int64_t n, int64_t k) {
    Tensor weight = test::random_tensor({n, k}, 1);
    const Tensor before = weight.clone();
    const Tensor x = test::random_tensor({3, k}, 2);
    CHECK_THROWS_AS(pack_weight(weight), UsageError);
    weight.freeze();
    pack_weight(weight);
    CHECK(weight.storage().moved_out());
    const Tensor y = linear(x, weight, Tensor());
    CHECK(weight.storage().moved_out());
    CHECK(std::ranges::equal(y.values(), linear(x, before, Tensor()).values()));
    CHECK(std::ranges::equal(weight.values(), before.values()));
    CHECK_FALSE(weight.storage().moved_out());
  };
  check(1, 1);
  check(50, 7);
  check(100, 2500);  // several panels, several blocks of K

  // Rows of a fused weight keep the storage that they share.
  Tensor fused = test::random_tensor({10, 6}, 3);
  fused.freeze();
  pack_weight(fused.rows(2, 5));
  CHECK_FALSE(fused.storage().moved_out());
  CHECK_THROWS_AS(pack_weight(fused.reshape({60})), ShapeError);
}

}  // namespace
}  // namespace vitrine
