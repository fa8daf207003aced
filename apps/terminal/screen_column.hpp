#pragma once

#include <string>
#include <string_view>

namespace vitrine {

/// Columns of a terminal that the text takes: two for East Asian wide characters and emoji, none
/// for combining marks.
int screen_width(std::string_view text);

/// `text` in exactly so many columns: with blanks behind it, or cut and with "..." at its end.
std::string screen_column(std::string_view text, int columns);

}  // namespace vitrine
