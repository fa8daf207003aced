#include "core/screen_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/utf8.hpp"

namespace vitrine {
namespace {

/// C0, DEL, C1, line separators, what turns the direction of writing (UAX 9), marks of annotation
/// and byte order.
bool is_control(char32_t code) {
  constexpr std::array<CodeRange, 8> kControls = {{{0x0, 0x1f},
                                                   {0x7f, 0x9f},
                                                   {0x61c, 0x61c},
                                                   {0x200e, 0x200f},
                                                   {0x2028, 0x202e},
                                                   {0x2066, 0x2069},
                                                   {0xfeff, 0xfeff},
                                                   {0xfff9, 0xfffb}}};
  return is_within(kControls, code);
}

/// A character as it is shown: its own bytes, or an escape.
class Shown {
 public:
  /// Takes the first character of a text that is not empty. `json`: escapes have four digits.
  Shown(std::string_view& text, bool json) {
    const std::string_view before = text;
    code_ = next_code(text);
    bytes_ = before.substr(0, before.size() - text.size());
    const bool malformed = code_ == U'\ufffd' && bytes_.size() == 1;
    if (malformed) code_ = static_cast<unsigned char>(bytes_[0]);
    if (malformed || is_control(code_)) escape(code_ < 0x100 && !json);
  }
  char32_t code() const { return code_; }
  std::string_view text() const {
    return length_ == 0 ? bytes_ : std::string_view(escape_.data(), length_);
  }

 private:
  void escape(bool is_short) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    escape_[0] = '\\';
    escape_[1] = is_short ? 'x' : 'u';
    length_ = is_short ? 4 : 6;
    for (size_t i = length_; i-- > 2;) {
      escape_[i] = kDigits[(code_ >> (4 * (length_ - 1 - i))) & 0xf];
    }
  }

  std::string_view bytes_;
  char32_t code_;
  std::array<char, 6> escape_{};
  size_t length_ = 0;
};

}  // namespace

std::string screen_text(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) shown += Shown(text, false).text();
  return shown;
}

void screen_text(std::string_view text, std::span<char> room) {
  size_t used = 0;
  while (!text.empty()) {
    const Shown next(text, false);
    if (used + next.text().size() >= room.size()) break;
    std::ranges::copy(next.text(), room.begin() + static_cast<ptrdiff_t>(used));
    used += next.text().size();
  }
  room[used] = '\0';
}

std::string screen_lines(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const Shown next(text, false);
    if (next.code() == U'\n') {
      shown += '\n';
    } else {
      shown += next.text();
    }
  }
  return shown;
}

std::string screen_json(std::string_view json) {
  std::string shown;
  shown.reserve(json.size());
  while (!json.empty()) shown += Shown(json, true).text();
  return shown;
}

}  // namespace vitrine
