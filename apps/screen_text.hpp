#pragma once

#include <string>
#include <string_view>

namespace vitrine {

/// Text of files (UTF-8) as one line for a terminal: control characters, which could end the line
/// or rule the terminal, are written as \x1b or \u202e, and so are bytes that are not UTF-8.
std::string screen_text(std::string_view text);

/// Columns of a terminal that the text takes: two for East Asian wide characters and emoji, none
/// for combining marks.
int screen_width(std::string_view text);

/// `text` in exactly so many columns: with blanks behind it, or cut and with "..." at its end.
std::string screen_column(std::string_view text, int columns);

}  // namespace vitrine
