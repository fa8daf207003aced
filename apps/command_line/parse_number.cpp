#include "apps/command_line/parse_number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace vitrine {
namespace {

/// A text that was typed, at bearable length.
std::string quoted(std::string_view text) {
  constexpr size_t kLongest = 40;
  return text.size() <= kLongest ? fmt::format("'{}'", text)
                                 : fmt::format("'{}...'", text.substr(0, kLongest));
}

/// The text with a decimal point, if that is all that it lacks.
std::string with_point(std::string_view text) {
  std::string other(text);
  std::ranges::replace(other, ',', '.');
  double value = 0;
  return std::ranges::count(text, ',') == 1 && parse_number(other, value).empty() ? other : "";
}

}  // namespace

template <class Number>
std::string parse_number(std::string_view text, Number& value) {
  constexpr bool kWhole = std::is_integral_v<Number>;
  constexpr const char* kWhat = kWhole ? "whole number" : "number";
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const char* begin = std::to_address(digits.begin());
  const char* end = std::to_address(digits.end());
  Number read{};
  const auto [stopped, error] = std::from_chars(begin, end, read);
  const bool all =
      stopped == end && !digits.starts_with('+') && !(text != digits && digits.starts_with('-'));
  if (all && error == std::errc::result_out_of_range) {
    return fmt::format("{} is too {}", quoted(text), kWhole ? "large" : "large, or too near to 0");
  }
  if (all && error == std::errc()) {
    if constexpr (!kWhole) {
      if (!std::isfinite(read)) return fmt::format("{} is no {}", quoted(text), kWhat);
    }
    value = read;
    return "";
  }
  if (!kWhole && text.find(',') != std::string_view::npos) {
    const std::string point = with_point(text);
    if (!point.empty()) return fmt::format("{} is no {}: write {}", quoted(text), kWhat, point);
  }
  if constexpr (std::is_unsigned_v<Number>) {
    int64_t below = 0;
    if (text.starts_with('-') && parse_number(text, below).empty()) {
      return fmt::format("{} is negative", text);
    }
  }
  return fmt::format("{} is no {}", quoted(text), kWhat);
}

template std::string parse_number(std::string_view, int&);
template std::string parse_number(std::string_view, int64_t&);
template std::string parse_number(std::string_view, uint64_t&);
template std::string parse_number(std::string_view, double&);

}  // namespace vitrine
