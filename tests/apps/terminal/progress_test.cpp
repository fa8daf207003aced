// Progress: text of the line at every width, and what is written when, with a clock and a terminal
// of the test's own.

#include "apps/terminal/progress.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "apps/terminal/format_duration.hpp"

namespace vitrine {
namespace {

// Everything written, with time and width to be set by hand.
struct Screen {
  std::vector<std::string> writes;
  double now = 100;
  int columns = 80;

  Terminal terminal(bool unicode = false) {
    return {.write = [this](std::string_view text) { writes.emplace_back(text); },
            .columns = [this] { return columns; },
            .seconds = [this] { return now; },
            .unicode = unicode};
  }
  std::string all() const {
    std::string text;
    for (const std::string& w : writes) text += w;
    return text;
  }
};

ProgressState some_state() {
  return {.label = "epoch 3/20",
          .details = "loss 0.4123  acc 85.1 %",
          .unit = "images",
          .done = 31000,
          .total = 60000,
          .rate = 3120.4,
          .elapsed = 10,
          .left = 9.3};
}

TEST_CASE("progress: durations", "[apps]") {
  CHECK(format_duration(0) == "0:00");
  CHECK(format_duration(7.4) == "0:07");
  CHECK(format_duration(65) == "1:05");
  CHECK(format_duration(3599.4) == "59:59");
  CHECK(format_duration(3600) == "1:00:00");
  CHECK(format_duration(7384) == "2:03:04");
  CHECK(format_duration(49 * 3600) == "49:00:00");
  CHECK(format_duration(-1) == "-:--");
  CHECK(format_duration(HUGE_VAL) == "-:--");
  CHECK(format_duration(std::nan("")) == "-:--");
}

TEST_CASE("progress: a wide line has everything, a narrow one what matters most", "[apps]") {
  const ProgressState state = some_state();
  CHECK(progress_line(state, 0, false) ==
        "epoch 3/20   51 %  loss 0.4123  acc 85.1 %   3120 images/s   0:10   0:09 left");
  CHECK(
      progress_line(state, 90, false) ==
      "epoch 3/20 [=====      ]  51 %  loss 0.4123  acc 85.1 %   3120 images/s   0:10   0:09 left");
  CHECK(progress_line(state, 79, false).find("3120 images/s") == std::string::npos);
  CHECK(progress_line(state, 79, false).find("0:09 left") != std::string::npos);
  CHECK(progress_line(state, 65, false).find('[') != std::string::npos);
  CHECK(progress_line(state, 41, false) == "epoch 3/20  51 %  loss 0.4123  acc 85.1 %");
  CHECK(progress_line(state, 16, false) == "epoch 3/20  51 %");
}

TEST_CASE("progress: no line is wider than asked, at any width", "[apps]") {
  ProgressState state = some_state();
  state.label = "\u00e9poque 3/20";
  for (const bool unicode : {false, true}) {
    for (int columns = 1; columns <= 200; ++columns) {
      const std::string line = progress_line(state, columns, unicode);
      CHECK(count_columns(line) <= columns);
      CHECK(!line.empty());
    }
  }
}

TEST_CASE("progress: the bar is full only when everything is done", "[apps]") {
  ProgressState state = {
      .label = "", .details = "", .unit = "images", .done = 59999, .total = 60000};
  CHECK(progress_line(state, 60, false).find(" ]  99 %") != std::string::npos);
  state.done = 60000;
  CHECK(progress_line(state, 60, false) == "[======================================] 100 %   0:00");
  CHECK(progress_line(state, 60, true).starts_with("\u2501"));
  state.done = 0;
  CHECK(progress_line(state, 60, true).starts_with("\u2500"));
  state.done = 70000;  // more than announced
  CHECK(progress_line(state, 60, false).find("100 %") != std::string::npos);
  state = {.label = "reading", .details = "", .unit = "files", .done = 12};
  CHECK(progress_line(state, 60, false) == "reading 12 files   0:00");
}

TEST_CASE("progress: a terminal's line is redrawn at most ten times a second", "[apps]") {
  Screen screen;
  {
    Progress progress(1000, "work", false, "images", 0, screen.terminal());
    for (int i = 1; i <= 1000; ++i) {
      screen.now += 0.001;
      progress.update(i);
    }
    CHECK(screen.writes.size() >= 9);
    CHECK(screen.writes.size() <= 11);
    for (const std::string& w : screen.writes) {
      CHECK(w.starts_with("\r"));
      CHECK(w.find('\n') == std::string::npos);
    }
    progress.finish();
  }
  CHECK(screen.all().ends_with("100 %   1000 images/s   0:01\n"));
}

TEST_CASE("progress: elsewhere plain lines come now and then", "[apps]") {
  Screen screen;
  screen.columns = 0;
  Progress progress(1000, "work", false, "images", 0, screen.terminal());
  for (int i = 1; i <= 1000; ++i) {  // 100 s: a tenth takes 10 s
    screen.now += 0.1;
    progress.update(i, "loss 1");
  }
  CHECK(screen.writes.size() == 10);
  CHECK(screen.writes[0] == "work   10 %  loss 1   10.0 images/s   0:10   1:30 left\n");
  CHECK(screen.all().find('\r') == std::string::npos);
  CHECK(screen.all().find('\x1b') == std::string::npos);
  progress.finish();
  CHECK(screen.writes.back() == "work  100 %  loss 1   10.0 images/s   1:40\n");
}

TEST_CASE("progress: short work prints one plain line, slow work a sign of life", "[apps]") {
  Screen quick;
  quick.columns = 0;
  Progress progress(100, "quick", false, "images", 0, quick.terminal());
  for (int i = 1; i <= 100; ++i) {
    quick.now += 0.02;
    progress.update(i);
  }
  progress.finish();
  CHECK(quick.writes.size() == 1);

  Screen slow;
  slow.columns = 0;
  Progress long_progress(1'000'000, "slow", false, "images", 0, slow.terminal());
  for (int i = 1; i <= 120; ++i) {
    slow.now += 1;
    long_progress.update(i);
  }
  CHECK(slow.writes.size() == 4);
}

TEST_CASE("progress: quiet means nothing at all", "[apps]") {
  Screen screen;
  {
    Progress progress(10, "work", true, "images", 0, screen.terminal());
    screen.now += 50;
    progress.update(5, "x");
    progress.note("a note");
    progress.finish();
  }
  CHECK(screen.writes.empty());
}

TEST_CASE("progress: rate and time left count only what this run did", "[apps]") {
  Screen screen;
  screen.columns = 0;
  Progress progress(1000, "resumed", false, "images", 500, screen.terminal());
  for (int i = 1; i <= 30; ++i) {
    screen.now += 1;
    progress.update(500 + 10 * i);
  }
  CHECK(screen.writes.back() == "resumed   80 %   10.0 images/s   0:30   0:20 left\n");
  progress.finish();
  CHECK(screen.writes.back() == "resumed   80 %   10.0 images/s   0:30\n");
}

TEST_CASE("progress: other work does not lower the rate, but the time left knows it", "[apps]") {
  Screen screen;
  screen.columns = 0;
  Progress progress(100000, "work", false, "images", 0, screen.terminal());
  int64_t done = 0;
  for (int epoch = 0; epoch < 4; ++epoch) {
    for (int i = 0; i < 10; ++i) {
      screen.now += 1;
      progress.update(done += 100);
    }
    screen.now += 10;
    progress.resume();
  }
  screen.now += 1;
  progress.update(done += 100);
  screen.writes.clear();
  screen.now += 29;
  progress.update(done += 2900);
  CHECK(screen.all().find("  100 images/s") != std::string::npos);
  // 93,000 images at less than 100 a second.
  CHECK(screen.all().find("15:30 left") == std::string::npos);
}

TEST_CASE("progress: notes stay above the line", "[apps]") {
  Screen screen;
  Progress progress(100, "work", false, "images", 0, screen.terminal());
  progress.note("before");
  CHECK(screen.writes.back() == "before\n");
  progress.update(50);
  progress.note("epoch 1: fine");
  CHECK(screen.writes.back().starts_with("\repoch 1: fine\x1b[K\nwork ["));
  CHECK(screen.writes.back().ends_with("\x1b[J"));
}

TEST_CASE("progress: an exception's message stands below the line", "[apps]") {
  Screen screen;
  {
    Progress progress(100, "work", false, "images", 0, screen.terminal());
    progress.update(50);
  }
  CHECK(screen.writes.back() == "\n");
  Screen untouched;
  {
    Progress progress(100, "work", false, "images", 0, untouched.terminal());
  }
  CHECK(untouched.writes.empty());
}

TEST_CASE("progress: the line follows the width of the window", "[apps]") {
  Screen screen;
  Progress progress(100, "work", false, "images", 0, screen.terminal());
  progress.update(10);
  const auto step = [&](int64_t done, int columns) {
    screen.columns = columns;
    screen.now += 1;
    const size_t before = screen.writes.size();
    progress.update(done, "loss 0.1234");
    return screen.writes.size() > before ? screen.writes.back() : "";
  };
  CHECK(step(20, 50).empty());  // the window is still moving
  CHECK(step(30, 40).empty());
  const std::string line = step(40, 40);
  CHECK(!line.empty());
  CHECK(line.size() <= 1 + 39 + 3);  // with the return and the erasing behind it
  for (const int columns : {1, 2, 3}) {
    step(50, columns);
    CHECK(step(60, columns).size() <= static_cast<size_t>(columns) + 4);
  }
}

}  // namespace
}  // namespace vitrine
