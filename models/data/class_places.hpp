#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vitrine {

/// Where names are in a list.
struct ClassPlaces {
  std::vector<int32_t> at;           ///< of each wanted name its place; -1 if there is none
  std::vector<std::string> unknown;  ///< wanted, not there
  std::vector<std::string> twice;    ///< wanted, there more than once: which one is not known

  bool complete() const { return unknown.empty() && twice.empty(); }
};

/// Finds the names of `wanted` in `known`. Lists that are equal match place by place, even where a
/// name occurs twice.
ClassPlaces find_classes(const std::vector<std::string>& wanted,
                         const std::vector<std::string>& known);

/// "'cat', 'dog' and 98 more" of names, or "none".
std::string quoted_names(const std::vector<std::string>& names);

}  // namespace vitrine
