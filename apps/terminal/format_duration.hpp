#pragma once

#include <string>

namespace vitrine {

/// A time in seconds as people write it: "0:07", "1:05", "2:03:04", "49:00:00"; to the nearest
/// second.
/// "-:--" for what is negative, not a number, or longer than a year.
std::string format_duration(double seconds);

}  // namespace vitrine
