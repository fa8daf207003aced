// Text of files where people see it: nothing ends the line, rules the terminal or turns the
// direction of writing, in what is printed and in every kind of error.

#include "core/screen_text.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/utf8.hpp"

namespace vitrine {
namespace {

std::string utf8(char32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0 | (code >> 6)), tail(0)};
  return {static_cast<char>(0xe0 | (code >> 12)), tail(6), tail(0)};
}

bool is_one_plain_line(std::string_view text) {
  while (!text.empty()) {
    const char32_t c = next_code(text);
    const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
                         (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
                         (c >= 0x2066 && c <= 0x2069);
    if (control) return false;
  }
  return true;
}

/// Everything that no terminal may see, and letters that it may.
std::string all_controls() {
  std::string text = "\xff\xc3\xa4";
  for (char32_t c = 0; c < 0x100; ++c) text += utf8(c);
  for (char32_t c = 0x600; c < 0x630; ++c) text += utf8(c);
  for (char32_t c = 0x2000; c < 0x2070; ++c) text += utf8(c);
  return text;
}

TEST_CASE("screen text: nothing ends the line or rules the terminal", "[core][screen]") {
  CHECK(screen_text("cat \xc3\xa4\xe7\x8a\xac") == "cat \xc3\xa4\xe7\x8a\xac");
  CHECK(screen_text("a\nb\x1b[2J\x7f") == "a\\x0ab\\x1b[2J\\x7f");
  CHECK(screen_text("\xc2\x9b!") == "\\x9b!");
  CHECK(screen_text("a\xe2\x80\xae"
                    "b") == "a\\u202eb");
  CHECK(screen_text("\xd8\x9c") == "\\u061c");
  CHECK(screen_text("\xff\xc3") == "\\xff\\xc3");
  CHECK(screen_text("\xef\xbf\xbd") == "\xef\xbf\xbd");
  CHECK(is_one_plain_line(screen_text(all_controls())));
  CHECK(screen_text(screen_text(all_controls())) == screen_text(all_controls()));
}

TEST_CASE("screen text: lines stay lines", "[core][screen]") {
  CHECK(screen_lines("a\tb\nc\x1b\n") == "a\\x09b\nc\\x1b\n");
}

TEST_CASE("screen text: JSON keeps its value", "[core][screen]") {
  const std::string text = "a\xc2\x9b\x7f\xe2\x80\xae\xc3\xa4";
  const std::string shown = screen_json(nlohmann::json(text).dump());
  CHECK(is_one_plain_line(shown));
  CHECK(nlohmann::json::parse(shown).get<std::string>() == text);
}

TEST_CASE("screen text: room that is there", "[core][screen]") {
  std::array<char, 6> room{};
  screen_text("abcdefg", room);
  CHECK(std::string(room.data()) == "abcde");
  screen_text("abcd\xc3\xa4", room);  // no half of a letter
  CHECK(std::string(room.data()) == "abcd");
  screen_text("ab\n", room);  // nor of an escape
  CHECK(std::string(room.data()) == "ab");
  screen_text("a\n", room);
  CHECK(std::string(room.data()) == "a\\x0a");
  screen_text("", room);
  CHECK(std::string(room.data()).empty());
}

TEST_CASE("errors of every kind are one line", "[core][screen][errors]") {
  const std::string raw = all_controls();
  CHECK(is_one_plain_line(Error(raw).what()));
  CHECK(is_one_plain_line(UsageError(raw).what()));
  CHECK(is_one_plain_line(ShapeError(raw).what()));
  CHECK(is_one_plain_line(IoError(raw, raw).what()));
  CHECK(is_one_plain_line(FormatError(FormatKind::kCorrupt, raw, 3, raw).what()));
  // Both what happened and what to do are said of a name without end.
  std::string long_name(100'000, 'n');
  for (size_t i = 1; i < long_name.size(); i += 2) long_name.replace(i - 1, 2, "\xc3\xa4");
  const std::string what = IoError("file", long_name + ": do this").what();
  CHECK(what.size() < 4000);
  CHECK(what.starts_with("file: "));
  CHECK(what.ends_with(": do this"));
  CHECK(what.find("\\x") == std::string::npos);
}

}  // namespace
}  // namespace vitrine
