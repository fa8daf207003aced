#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "core/error.hpp"

// How configurations are validated: far beyond every published network, and small enough that
// counts of parameters and multiply-adds fit 63 bits.

namespace vitrine {

inline constexpr int64_t kMaxSide = int64_t{1} << 14;  // pixels
inline constexpr int64_t kMaxImageChannels = int64_t{1} << 8;
inline constexpr int64_t kMaxClasses = int64_t{1} << 20;

inline constexpr std::string_view kConfigError = "model configuration: ";

/// Throws UsageError unless `good`.
inline void require(bool good, std::string_view what) {
  if (!good) throw UsageError(fmt::format("{}{}", kConfigError, what));
}

inline void require_in(std::string_view what, int64_t value, int64_t low, int64_t high) {
  require(value >= low && value <= high,
          fmt::format("{} must be between {} and {}, got {}", what, low, high, value));
}

inline void require_rate(std::string_view what, double value) {
  require(value >= 0 && value < 1, fmt::format("{} must be in [0, 1), got {}", what, value));
}

}  // namespace vitrine
