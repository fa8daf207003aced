#include "apps/terminal/format_duration.hpp"

#include <fmt/format.h>

#include <cmath>

namespace vitrine {

std::string format_duration(double seconds) {
  constexpr double kYear = 366 * 86400.0;
  if (!(seconds >= 0 && seconds < kYear)) return "-:--";
  const auto whole = std::llround(seconds);
  const auto hours = whole / 3600;
  const auto minutes = whole / 60 % 60;
  if (hours == 0) return fmt::format("{}:{:02}", minutes, whole % 60);
  return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
}

}  // namespace vitrine
