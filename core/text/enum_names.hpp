#pragma once

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/text/nearest_name.hpp"

namespace vitrine {

/// The values of an enumeration with the names that files and options use for them.
template <class Enum, size_t N>
using EnumNames = std::array<std::pair<Enum, std::string_view>, N>;

template <class Enum, size_t N>
std::string_view name_of(const EnumNames<Enum, N>& names, Enum value) {
  for (const auto& [v, name] : names) {
    if (v == value) return name;
  }
  return "";
}

/// The value called `name`. Throws UsageError with the nearest and a list of all that are known;
/// `what` says of what.
template <class Enum, size_t N>
Enum value_of(const EnumNames<Enum, N>& names, std::string_view what, std::string_view name) {
  std::string known;
  std::vector<std::string> candidates;
  for (const auto& [value, text] : names) {
    if (text == name) return value;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", text);
    candidates.emplace_back(text);
  }
  const std::string nearest = did_you_mean(name, candidates);
  throw UsageError(fmt::format("unknown {} '{}'{} known are {}", what, name,
                               nearest.empty() ? ";" : nearest, known));
}

}  // namespace vitrine
