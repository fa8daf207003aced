#include "apps/terminal/progress.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vitrine {
namespace {

constexpr double kRedrawSeconds = 0.1;
// Plain lines: for each tenth of the work, but not in a hurry, and a sign of life in between.
constexpr double kLeastLineSeconds = 5;
constexpr double kMostLineSeconds = 30;
// The rate follows within seconds; the time left should not jump when one step took long.
constexpr double kShownMemory = 5;
constexpr double kLongMemory = 60;

// The last columns stay free: room for the ^C that a terminal shows, and a character in the very
// last one makes some terminals go to the next line.
int usable(int columns) { return std::max(columns - 3, 1); }

constexpr const char* kClearLine = "\r\x1b[J";

}  // namespace

void Progress::Rate::add(double more_units, double more_seconds) {
  const double kept = std::exp(-more_seconds / memory);
  units = kept * units + more_units;
  seconds = kept * seconds + more_seconds;
}

Progress::Progress(int64_t total, std::string label, bool quiet, std::string unit, int64_t first,
                   Terminal terminal)
    : terminal_(std::move(terminal)),
      quiet_(quiet),
      first_(first),
      start_(terminal_.seconds()),
      last_update_(start_),
      shown_rate_{kShownMemory},
      long_rate_{kLongMemory},
      last_drawn_(-HUGE_VAL),
      last_printed_done_(first) {
  state_.label = std::move(label);
  state_.unit = std::move(unit);
  state_.total = total;
  state_.done = first;
}

Progress::~Progress() {
  if (line_open_) terminal_.write("\n");
}

void Progress::update(int64_t done, std::string details) {
  const double now = terminal_.seconds();
  const auto more = static_cast<double>(done - state_.done);
  shown_rate_.add(more, now - last_update_);
  long_rate_.add(more, now - last_update_);
  last_update_ = now;
  state_.done = done;
  state_.details = std::move(details);
  state_.rate = shown_rate_.value();
  state_.elapsed = now - start_;
  const double pace = long_rate_.value();
  const auto remaining = static_cast<double>(state_.total - done);
  state_.left = pace > 0 && remaining >= 0 ? remaining / pace : -1;
  if (quiet_ || finished_) return;
  const int columns = terminal_.columns();
  if (columns == 0) {
    print_plain(now);
  } else if (now - last_drawn_ >= kRedrawSeconds) {
    last_drawn_ = now;
    redraw(columns);
  }
}

void Progress::resume() {
  const double now = terminal_.seconds();
  long_rate_.add(0, now - last_update_);
  last_update_ = now;
}

void Progress::redraw(int columns) {
  // While a window is being resized the terminal rewraps what it shows; drawing waits until that is
  // over.
  const bool resizing = line_open_ && columns != last_columns_;
  last_columns_ = columns;
  if (resizing) return;
  terminal_.write("\r" + progress_line(state_, usable(columns), terminal_.unicode) + "\x1b[J");
  line_open_ = true;
}

void Progress::print_plain(double now) {
  if (std::isinf(last_drawn_)) last_drawn_ = start_;
  const double waited = now - last_drawn_;
  const bool tenth = 10 * (state_.done - last_printed_done_) >= state_.total;
  if (!(tenth && waited >= kLeastLineSeconds) && waited < kMostLineSeconds) return;
  terminal_.write(progress_line(state_, 0, terminal_.unicode) + "\n");
  last_drawn_ = now;
  last_printed_done_ = state_.done;
}

void Progress::clear() {
  if (line_open_) terminal_.write(kClearLine);
  line_open_ = false;
}

void Progress::note(const std::string& line) {
  if (quiet_) return;
  if (!line_open_) {
    terminal_.write(line + "\n");
    return;
  }
  // In one go, so that the line below does not flicker.
  terminal_.write("\r" + line + "\x1b[K\n" +
                  progress_line(state_, usable(last_columns_), terminal_.unicode) + "\x1b[J");
}

void Progress::finish() {
  if (quiet_ || finished_) return;
  finished_ = true;
  state_.elapsed = terminal_.seconds() - start_;
  state_.left = -1;
  state_.rate = state_.elapsed > 0 ? static_cast<double>(state_.done - first_) / state_.elapsed : 0;
  clear();
  const int columns = terminal_.columns();
  terminal_.write(progress_line(state_, columns > 0 ? usable(columns) : 0, terminal_.unicode) +
                  "\n");
}

}  // namespace vitrine
