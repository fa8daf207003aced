#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace vitrine {

using Clock = std::chrono::steady_clock;

/// Seconds since `start`.
inline double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What repeated measurements come to, in milliseconds: half of them lie between lower and upper.
struct Times {
  double best = 0, lower = 0, median = 0, upper = 0;

  Times() = default;
  /// From seconds, at least one.
  explicit Times(std::vector<double> seconds) {
    std::ranges::sort(seconds);
    const auto ms = [&](size_t quarter) { return 1e3 * seconds[seconds.size() * quarter / 4]; };
    best = ms(0);
    lower = ms(1);
    median = ms(2);
    upper = ms(3);
  }
};

}  // namespace vitrine
