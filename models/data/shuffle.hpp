#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "core/random.hpp"

namespace vitrine {

/// Puts `items` (fewer than 2^32) in random order, every order being equally likely (Fisher and
/// Yates; Durstenfeld 1964).
inline void shuffle(std::span<int64_t> items, Random& random) {
  for (size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[random.below(static_cast<uint32_t>(i))]);
  }
}

}  // namespace vitrine
