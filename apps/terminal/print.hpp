#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/screen_text.hpp"

// Where everything that the program says is printed. Names of classes, tensors and files, and what
// configurations say, are others' text: none of it reaches a terminal as it is.

namespace vitrine {

namespace detail {
template <class T>
using Shown =
    std::conditional_t<std::convertible_to<const T&, std::string_view>, std::string, const T&>;

template <class T>
Shown<T> shown(const T& value) {
  if constexpr (std::convertible_to<const T&, std::string_view>) {
    return screen_text(value);
  } else {
    return value;
  }
}
}  // namespace detail

/// As fmt::print, with the texts among the arguments as screen_text.
template <class... T>
void print(std::FILE* to, fmt::format_string<detail::Shown<T>...> format, const T&... values) {
  fmt::print(to, format, detail::shown(values)...);
}
template <class... T>
void print(fmt::format_string<detail::Shown<T>...> format, const T&... values) {
  fmt::print(stdout, format, detail::shown(values)...);
}

/// A text of lines, such as a table, as screen_lines.
void print_lines(std::FILE* to, std::string_view lines);

/// A paragraph in lines that fit a terminal (wrap_text).
void print_wrapped(std::FILE* to, std::string_view text);

/// On a line of its own. What is not UTF-8 becomes U+FFFD.
void print_json(const nlohmann::json& value);

}  // namespace vitrine
