#include "models/networks/name_suffix.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace vitrine {
namespace {

constexpr size_t kMostDigits = 7;  // what is larger is no size, and none that overflows is read

/// Takes "_<letters><number>" off the end.
std::optional<int64_t> take_number(std::string_view& name, std::string_view letters) {
  const size_t at = name.rfind('_');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  std::string_view digits = name.substr(at + 1);
  if (!digits.starts_with(letters)) return std::nullopt;
  digits.remove_prefix(letters.size());
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.empty() || digits.size() > kMostDigits || !std::ranges::all_of(digits, is_digit)) {
    return std::nullopt;
  }
  const int64_t value = leading_number(digits);
  name.remove_suffix(name.size() - at);
  return value;
}

}  // namespace

int64_t leading_number(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string take_suffixes(std::string_view name, NetworkConfig& config) {
  constexpr std::string_view kGray = "_gray";
  if (const auto classes = take_number(name, "c")) config.classes = *classes;
  if (name.ends_with(kGray)) {
    config.channels = 1;
    name.remove_suffix(kGray.size());
  }
  if (const auto pixels = take_number(name, "")) config.image_height = config.image_width = *pixels;
  return std::string(name);
}

bool names_classes(std::string_view name) { return take_number(name, "c").has_value(); }

}  // namespace vitrine
