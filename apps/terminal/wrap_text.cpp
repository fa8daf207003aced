#include "apps/terminal/wrap_text.hpp"

#include <algorithm>

#include "apps/terminal/progress_line.hpp"

namespace vitrine {

std::string wrap_text(std::string_view text, int columns, std::string_view indent) {
  std::string lines;
  std::string line;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const bool blank = !line.empty() && line != indent;
    if (blank && count_columns(line) + 1 + count_columns(word) > columns) {
      lines += line + "\n";
      line = indent;
    } else if (blank) {
      line += ' ';
    }
    line += word;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines + line;
}

}  // namespace vitrine
