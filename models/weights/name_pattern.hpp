#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vitrine {

/// `name` if it matches the pattern `from`, rewritten as `to`. In both, "{}" is a number that
/// counts from 0, "{1}" one that counts from 1, and "*" at the end the rest of the name.
std::optional<std::string> rename(std::string_view name, std::string_view from,
                                  std::string_view to);

}  // namespace vitrine
