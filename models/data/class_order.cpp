#include "models/data/class_order.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace vitrine {
namespace {

/// A name that is a whole number; -1 for others.
int64_t number_of(const std::string& name) {
  int64_t value = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, value);
  return error == std::errc() && stop == end ? value : -1;
}

/// Whether names[i] is the prefix and i.
bool all_count(const std::vector<std::string>& names, const std::string& prefix) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != prefix + std::to_string(i)) return false;
  }
  return true;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes the digits or the other characters that the text begins with.
std::string_view take_run(std::string_view& text, bool digits) {
  size_t n = 0;
  while (n < text.size() && is_digit(text[n]) == digits) ++n;
  const std::string_view run = text.substr(0, n);
  text.remove_prefix(n);
  return run;
}

/// Below, equal or above 0, as a - b.
int compare_values(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return low;
}

bool naturally_before(std::string_view a, std::string_view b) {
  // Text and numbers take turns, text first, as re.split leaves them.
  for (bool digits = false; !a.empty() || !b.empty(); digits = !digits) {
    const std::string_view x = take_run(a, digits);
    const std::string_view y = take_run(b, digits);
    // The shorter list of parts comes first.
    if (digits && (x.empty() || y.empty())) return x.empty() && !y.empty();
    const int order = digits ? compare_values(x, y) : lower(x).compare(lower(y));
    if (order != 0) return order < 0;
  }
  return false;
}

}  // namespace

void sort_naturally(std::vector<std::string>& names) {
  std::ranges::sort(names);
  std::ranges::stable_sort(names, naturally_before);
}

void sort_classes(std::vector<std::string>& names) {
  std::ranges::sort(names);  // bytes of UTF-8 sort as code points do
  if (std::ranges::all_of(names, [](const std::string& n) { return number_of(n) >= 0; })) {
    std::ranges::stable_sort(names, {}, number_of);
  }
}

bool are_numbers(const std::vector<std::string>& names) { return all_count(names, ""); }

bool are_placeholders(const std::vector<std::string>& names) {
  return !names.empty() && all_count(names, "LABEL_");
}

}  // namespace vitrine
