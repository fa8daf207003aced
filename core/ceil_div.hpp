#pragma once

#include <cstdint>

namespace vitrine {

/// a / b rounded up, for b > 0 and a > -b (where 0 and less give 0): how many pieces of b hold a
/// items.
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace vitrine
