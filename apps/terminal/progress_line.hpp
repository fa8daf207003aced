#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vitrine {

/// What a line of progress tells.
struct ProgressState {
  std::string label;    ///< "epoch 3/20"
  std::string details;  ///< "loss 0.4123  accuracy 85.1 %"
  std::string unit;     ///< "images"
  int64_t done = 0;
  int64_t total = 0;   ///< 0 if nobody knows
  double rate = 0;     ///< units per second; not positive if not yet known
  double elapsed = 0;  ///< seconds
  double left = -1;    ///< seconds; negative if not known or over
};

/// One line of at most `columns` characters with a bar, or without a bar if `columns` is 0, which
/// then goes beyond 80 only if nothing can be left out:
///   epoch 3/20 ━━━━━━━━━━━━╸───────  62 %  loss 0.4123  3120 images/s  0:08  0:05 left
/// Where it is too narrow, parts go in this order: the word behind the rate, the elapsed time, the
/// rate, the bar, the time left, and then the end of what remains.
std::string progress_line(const ProgressState& state, int columns, bool unicode);

/// Number of characters of a UTF-8 text, each taken to be one column wide.
int count_columns(std::string_view text);

}  // namespace vitrine
