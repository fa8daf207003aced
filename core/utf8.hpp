#pragma once

#include <span>
#include <string_view>

namespace vitrine {

/// The first code point of a text that is not empty, which then begins behind it. A byte with which
/// no well-formed UTF-8 sequence begins gives U+FFFD and is passed over alone.
/// Source: the Unicode Standard 15, table 3-7 (no overlong forms, no surrogates).
char32_t next_code(std::string_view& text);

/// Code points from the first to the last.
struct CodeRange {
  char32_t first, last;
};

/// Whether one of the ranges has the code point.
bool is_within(std::span<const CodeRange> ranges, char32_t code);

}  // namespace vitrine
