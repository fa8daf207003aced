#pragma once

#include <cstdint>
#include <string>

#include "apps/terminal/progress_line.hpp"
#include "apps/terminal/terminal.hpp"

namespace vitrine {

/// Shows on standard error how far long work is: on a terminal one line that is redrawn, elsewhere
/// a line now and then. Nothing at all if quiet.
///
///   Progress progress(images, "epoch 1/20", quiet);
///   progress.update(seen, "loss 0.4123  accuracy 85.1 %");   // after each step; costs next to
///   nothing progress.finish();
///
/// For one thread. The destructor ends the line where it is, so that an error message stands below.
class Progress {
 public:
  /// `total` units of work, of which `first` were done before (by an earlier run). total = 0:
  /// nobody knows how many.
  Progress(int64_t total, std::string label, bool quiet, std::string unit = "images",
           int64_t first = 0, Terminal terminal = Terminal::standard_error());
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of the total are done, `first` included.
  void update(int64_t done, std::string details = "");
  /// Another label from now on.
  void relabel(std::string label) { state_.label = std::move(label); }
  /// Other work has been done since the last update: its time is not part of the rate.
  void resume();
  /// Prints a line of its own that stays, above the line that is redrawn.
  void note(const std::string& line);
  /// The last state with the mean rate, as a line that stays.
  void finish();

 private:
  // Units per second over about the last `memory` seconds.
  struct Rate {
    double memory;
    double units = 0;
    double seconds = 0;

    void add(double more_units, double more_seconds);
    double value() const { return seconds > 0 ? units / seconds : 0; }
  };

  void redraw(int columns);
  void print_plain(double now);
  void clear();

  Terminal terminal_;
  bool quiet_;
  ProgressState state_;
  int64_t first_;
  double start_;
  double last_update_;
  Rate shown_rate_;  // what the line says
  Rate long_rate_;   // what the time left is computed from
  double last_drawn_;
  int64_t last_printed_done_;
  int last_columns_ = 0;
  bool line_open_ = false;  // the cursor stands behind a line that is redrawn
  bool finished_ = false;
};

}  // namespace vitrine
