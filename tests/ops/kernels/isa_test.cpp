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

/// What a name with a + refines; an ISA of its own is that itself.
Isa base_of(std::string_view name) { return isa_from_name(name.substr(0, name.find('+'))); }

TEST_CASE("isa: names, and the table in use is that of the ISA", "[core][isa]") {
  for (const Isa isa : supported_isas()) {
    const ScopedIsa scoped(isa);
    const Isa base = base_of(isa_name(isa));
    CAPTURE(isa_name(isa));
    CHECK(active_isa() == isa);
    CHECK(kernels::active().isa == base);
    CHECK(isa_from_name(isa_name(isa)) == isa);
    CHECK((kernels::narrow_of(isa).gemm_int8 == kernels::narrow_of(base).gemm_int8) ==
          (isa == base));
  }
  if (const char* forced = std::getenv("VITRINE_ISA")) {
    CHECK(isa_name(active_isa()) == std::string_view(forced));
    CHECK(kernels::active().isa == base_of(forced));
  }
  CHECK_THROWS_AS(isa_from_name("mmx"), UsageError);
}

}  // namespace
}  // namespace vitrine
