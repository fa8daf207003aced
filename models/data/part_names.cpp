#include "models/data/part_names.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace vitrine {

std::optional<Split> part_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Split>, 10> kNames = {{
      {"train", Split::kTrain},
      {"training", Split::kTrain},
      {"val", Split::kValidation},
      {"valid", Split::kValidation},
      {"validation", Split::kValidation},
      {"eval", Split::kValidation},
      {"evaluation", Split::kValidation},
      {"dev", Split::kValidation},
      {"test", Split::kTest},
      {"testing", Split::kTest},
  }};
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const auto* const found = std::ranges::find_if(kNames, [&](const auto& known) {
    return std::ranges::equal(known.first, name, {}, {}, lower);
  });
  if (found == kNames.end()) return std::nullopt;
  return found->second;
}

std::string& name_of(DatasetParts& parts, Split part) {
  return part == Split::kTrain ? parts.train : part == Split::kTest ? parts.test : parts.validation;
}

}  // namespace vitrine
