#pragma once

#include <string>
#include <string_view>

namespace vitrine {

/// Columns that every terminal has.
inline constexpr int kColumns = 80;

/// `text`, one paragraph, in lines of at most `columns` characters, broken at blanks; the second
/// and later ones begin with `indent`. A word that is longer stands alone and sticks out: a path.
std::string wrap_text(std::string_view text, int columns = kColumns,
                      std::string_view indent = "  ");

}  // namespace vitrine
