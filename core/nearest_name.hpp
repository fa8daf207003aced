#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vitrine {

/// The one of `names` that fewest insertions, deletions and exchanges of letters turn into `name`,
/// for "did you mean"; "" if it takes more than half of the letters.
std::string nearest_name(std::string_view name, std::span<const std::string> names);

}  // namespace vitrine
