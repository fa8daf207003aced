#include "models/data/class_places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

namespace vitrine {

ClassPlaces find_classes(const std::vector<std::string>& wanted,
                         const std::vector<std::string>& known) {
  ClassPlaces places;
  places.at.resize(wanted.size(), -1);
  if (wanted == known) {
    std::iota(places.at.begin(), places.at.end(), 0);
    return places;
  }
  constexpr int32_t kTwice = -2;
  std::map<std::string_view, int32_t> place_of;
  for (size_t i = 0; i < known.size(); ++i) {
    const auto [at, added] = place_of.emplace(known[i], static_cast<int32_t>(i));
    if (!added) at->second = kTwice;
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto found = place_of.find(wanted[i]);
    if (found == place_of.end()) {
      places.unknown.push_back(wanted[i]);
    } else if (found->second == kTwice) {
      places.twice.push_back(wanted[i]);
    } else {
      places.at[i] = found->second;
    }
  }
  return places;
}

std::string quoted_names(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  if (names.empty()) return "none";
  const size_t shown = std::min(names.size(), kShown);
  std::string text;
  for (size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == names.size();
    text += fmt::format("{}'{}'", i == 0 ? "" : last ? " and " : ", ", names[i]);
  }
  return names.size() == shown ? text : fmt::format("{} and {} more", text, names.size() - shown);
}

}  // namespace vitrine
