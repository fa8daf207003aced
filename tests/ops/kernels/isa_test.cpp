// Which instruction set is in use: names, the table of kernels, VITRINE_ISA.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string_view>

#include "core/error.hpp"
#include "core/isa.hpp"
#include "ops/kernels/all.hpp"
#include "tests/isas.hpp"

namespace vitrine {
namespace {

TEST_CASE("isa: names, and the table in use is that of the ISA", "[core][isa]") {
  for (const Isa isa : supported_isas()) {
    const ScopedIsa scoped(isa);
    CHECK(active_isa() == isa);
    CHECK(kernels::active().isa == isa);
    CHECK(isa_from_name(isa_name(isa)) == isa);
  }
  if (const char* forced = std::getenv("VITRINE_ISA")) {
    CHECK(isa_name(active_isa()) == std::string_view(forced));
    CHECK(isa_name(kernels::active().isa) == std::string_view(forced));
  }
  CHECK_THROWS_AS(isa_from_name("mmx"), UsageError);
}

}  // namespace
}  // namespace vitrine
