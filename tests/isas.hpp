#pragma once

#include <catch2/catch.hpp>

#include "core/isa.hpp"

namespace vitrine::test {

/// Runs the rest of a test case once per ISA that this processor has, under that ISA:
///   const ScopedIsa isa(test::each_isa());
/// Only the ISA named by VITRINE_ISA, if it is set: the suite then belongs to that one.
inline Isa each_isa() {
  static const std::vector<Isa> isas =
      std::getenv("VITRINE_ISA") != nullptr ? std::vector{active_isa()} : supported_isas();
  const Isa isa = GENERATE(from_range(isas));
  INFO("ISA " << isa_name(isa));
  return isa;
}

}  // namespace vitrine::test
