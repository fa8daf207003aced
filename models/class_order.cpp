#include "models/class_order.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace vitrine {
namespace {

/// A name that is a whole number; -1 for others.
int64_t number_of(const std::string& name) {
  int64_t value = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, value);
  return error == std::errc() && stop == end ? value : -1;
}

}  // namespace

void sort_classes(std::vector<std::string>& names) {
  std::ranges::sort(names);  // bytes of UTF-8 sort as code points do
  if (std::ranges::all_of(names, [](const std::string& n) { return number_of(n) >= 0; })) {
    std::ranges::stable_sort(names, {}, number_of);
  }
}

bool are_numbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != std::to_string(i)) return false;
  }
  return true;
}

}  // namespace vitrine
