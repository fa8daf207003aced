#pragma once

#include <functional>
#include <string_view>

namespace vitrine {

/// Where progress is written, and the clock beside it: replaced in tests.
struct Terminal {
  std::function<void(std::string_view)> write;
  std::function<int()> columns;     ///< now; 0 if it is no terminal that can redraw a line
  std::function<double()> seconds;  ///< of a clock that never goes back
  bool unicode = false;             ///< shows more than ASCII

  static Terminal standard_error();
};

}  // namespace vitrine
