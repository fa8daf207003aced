#include "apps/terminal/progress_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/terminal/format_duration.hpp"
#include "apps/terminal/wrap_text.hpp"

namespace vitrine {
namespace {

constexpr int kShortestBar = 10;
constexpr int kLongestBar = 40;

// The parts that may be missing.
struct Parts {
  bool unit, elapsed, rate, bar, left;
};

// From everything to next to nothing.
constexpr std::array<Parts, 6> kLayouts = {{
    {true, true, true, true, true},
    {false, true, true, true, true},
    {false, false, true, true, true},
    {false, false, false, true, true},
    {false, false, false, false, true},
    {false, false, false, false, false},
}};

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

double share_done(const ProgressState& state) {
  if (state.total <= 0) return 0;
  return std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0);
}

// Rounded down, so that 100 % means done.
std::string percent(const ProgressState& state) {
  if (state.total <= 0) return fmt::format("{} {}", state.done, state.unit);
  return fmt::format("{:>3} %", static_cast<int>(100 * share_done(state)));
}

std::string rate_text(const ProgressState& state, bool unit) {
  if (!(state.rate > 0)) return "";
  const int decimals = state.rate < 10 ? 2 : state.rate < 100 ? 1 : 0;
  // The width is that of most rates, so that the line does not jump to and fro.
  return fmt::format("{:>5.{}f}{}/s", state.rate, decimals, unit ? " " + state.unit : "");
}

std::string bar_text(const ProgressState& state, int width, bool unicode) {
  const int halves = static_cast<int>(share_done(state) * 2 * width);
  std::string bar;
  if (!unicode) {
    const int filled = (width - 2) * halves / (2 * width);
    return "[" + std::string(static_cast<size_t>(filled), '=') +
           std::string(static_cast<size_t>(width - 2 - filled), ' ') + "]";
  }
  for (int i = 0; i < width; ++i) {
    bar += 2 * i + 1 < halves ? "\u2501" : 2 * i < halves ? "\u2578" : "\u2500";
  }
  return bar;
}

std::string text_of(const ProgressState& state, const Parts& parts) {
  std::string text = percent(state);
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text += "  " + part;
  };
  add(state.details);
  if (parts.rate) add(rate_text(state, parts.unit));
  if (parts.elapsed) add(fmt::format("{:>5}", format_duration(state.elapsed)));
  if (parts.left && state.left >= 0) {
    add(fmt::format("{:>5} left", format_duration(state.left)));
  }
  return text;
}

std::string cut(const std::string& text, int columns) {
  size_t end = 0;
  for (int count = 0; end < text.size(); ++end) {
    if (!continues_character(text[end]) && ++count > columns) break;
  }
  return text.substr(0, end);
}

}  // namespace

int count_columns(std::string_view text) {
  return static_cast<int>(
      std::ranges::count_if(text, [](char c) { return !continues_character(c); }));
}

std::string progress_line(const ProgressState& state, int columns, bool unicode) {
  const std::string start = state.label.empty() ? "" : state.label + " ";
  std::string line;
  if (columns <= 0) {
    for (const Parts& parts : kLayouts) {
      line = start + " " + text_of(state, parts);
      if (count_columns(line) <= kColumns) break;
    }
    return line;
  }
  for (const Parts& parts : kLayouts) {
    const std::string text = text_of(state, parts);
    const int room = columns - count_columns(start) - count_columns(text) - 1;
    const bool bar = parts.bar && state.total > 0;
    line = start + text;
    if (bar && room >= kShortestBar) {
      return fmt::format("{}{} {}", start, bar_text(state, std::min(room, kLongestBar), unicode),
                         text);
    }
    if (!bar && room >= -1) return line;
  }
  return cut(line, columns);
}

}  // namespace vitrine
