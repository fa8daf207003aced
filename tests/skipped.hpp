#pragma once

#include <catch2/catch.hpp>
#include <string_view>

namespace vitrine::test {

/// Says that the rest of a test cannot run here, and why; tests/run_per_isa.sh counts it. (Catch2's
/// second version has no word for it.)
inline void say_skipped(std::string_view why) { WARN("skipped: " << why); }

}  // namespace vitrine::test
