#include "apps/terminal/screen_column.hpp"

#include <algorithm>
#include <array>

#include "core/utf8.hpp"

namespace vitrine {
namespace {

/// The large blocks of the Unicode Standard's EastAsianWidth that are wide, and emoji.
int width_of(char32_t code) {
  constexpr std::array<CodeRange, 9> kWide = {{{0x1100, 0x115f},
                                               {0x2e80, 0x303e},
                                               {0x3041, 0xa4cf},
                                               {0xac00, 0xd7a3},
                                               {0xf900, 0xfaff},
                                               {0xfe30, 0xfe6f},
                                               {0xff00, 0xff60},
                                               {0x1f300, 0x1faff},
                                               {0x20000, 0x3fffd}}};
  constexpr std::array<CodeRange, 4> kMarks = {
      {{0x300, 0x36f}, {0x1ab0, 0x1aff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}}};
  if (is_within(kMarks, code)) return 0;
  return is_within(kWide, code) ? 2 : 1;
}

}  // namespace

int screen_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) width += width_of(next_code(text));
  return width;
}

std::string screen_column(std::string_view text, int columns) {
  constexpr std::string_view kCut = "...";
  const int width = screen_width(text);
  if (width <= columns) {
    return std::string(text) + std::string(static_cast<size_t>(columns - width), ' ');
  }
  const int room = std::max(columns - static_cast<int>(kCut.size()), 0);
  std::string shown;
  int used = 0;
  while (!text.empty()) {
    const std::string_view before = text;
    const int next = width_of(next_code(text));
    if (used + next > room) break;
    used += next;
    shown += before.substr(0, before.size() - text.size());
  }
  shown += kCut.substr(0, static_cast<size_t>(columns - used));
  used += static_cast<int>(std::min<size_t>(kCut.size(), static_cast<size_t>(columns - used)));
  return shown + std::string(static_cast<size_t>(columns - used), ' ');
}

}  // namespace vitrine
