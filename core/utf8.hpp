#pragma once

#include <string_view>

namespace vitrine {

/// The first code point of a text that is not empty, which then begins behind it. A byte with which
/// no well-formed UTF-8 sequence begins gives U+FFFD and is passed over alone.
/// Source: the Unicode Standard 15, table 3-7 (no overlong forms, no surrogates).
char32_t next_code(std::string_view& text);

}  // namespace vitrine
