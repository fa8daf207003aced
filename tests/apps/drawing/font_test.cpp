// Letters: every character that is promised is drawn, the rest has a stand-in, and no bytes break a
// text. Not here: whether the letters are beautiful.

#include "apps/drawing/font.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "apps/drawing/text.hpp"
#include "core/utf8.hpp"

namespace vitrine {
namespace {

std::vector<std::pair<double, double>> ink(const Glyph& glyph) {
  std::vector<std::pair<double, double>> points;
  for (const Polyline& line : glyph.lines) {
    for (const Point& p : line) points.emplace_back(p.x, p.y);
  }
  return points;
}

std::vector<char32_t> promised() {
  std::vector<char32_t> codes;
  const auto add = [&codes](char32_t first, char32_t last) {
    for (char32_t c = first; c <= last; ++c) codes.push_back(c);
  };
  add(0x21, 0x7e);
  add(0xa1, 0xac);  // Latin-1, but for its space and its soft hyphen
  add(0xae, 0xff);
  add(0x100, 0x17f);  // Latin Extended-A
  add(0x218, 0x21b);  // Romanian
  add(0x1ea0, 0x1ef9);
  add(0x386, 0x38a);  // Greek, without its two holes
  add(0x38e, 0x3a1);
  add(0x3a3, 0x3ce);
  codes.push_back(0x38c);
  add(0x400, 0x45f);  // Cyrillic
  add(0x490, 0x491);
  return codes;
}

TEST_CASE("font: every letter of the promised ranges is drawn", "[apps][font]") {
  for (const char32_t code : promised()) {
    INFO("U+" << std::hex << static_cast<uint32_t>(code));
    CHECK(has_glyph(code));
    const Glyph letter = glyph(code);
    CHECK_FALSE(letter.lines.empty());
    CHECK(letter.fine.empty());  // a stand-in has digits
    CHECK(letter.end - letter.begin < 22);
    for (const auto& [x, y] : ink(letter)) {
      CHECK(x > letter.begin - 3);
      CHECK(x < letter.end + 3);
      CHECK(y >= -6);
      CHECK(y < 25);
    }
  }
}

TEST_CASE("font: letters of one script are told apart", "[apps][font]") {
  const auto distinct = [](char32_t first, char32_t last) {
    std::map<std::vector<std::pair<double, double>>, char32_t> seen;
    for (char32_t c = first; c <= last; ++c) {
      if (!has_glyph(c)) continue;
      INFO("U+" << std::hex << static_cast<uint32_t>(c));
      CHECK(seen.emplace(ink(glyph(c)), c).second);
    }
  };
  distinct(0x21, 0x7e);
  distinct(0xae, 0x10f);
  distinct(0x111, 0x17f);  // U+0110 looks as U+00D0 does
  distinct(0x386, 0x3ce);
  distinct(0x400, 0x45f);
}

TEST_CASE("font: what it does not have is a box with its code", "[apps][font]") {
  const Glyph cat = glyph(U'\u732b');
  CHECK_FALSE(has_glyph(U'\u732b'));
  CHECK(cat.lines.empty());
  CHECK(cat.fine.size() >= 5);
  CHECK(cat.fine.size() != glyph(U'\u72d7').fine.size());
  CHECK(glyph(0x1f600).end > cat.end);  // five digits are wider than four
  CHECK(glyph(U'\ufffd').fine.size() == 1);
  CHECK(glyph(U'\n').fine.size() >= 5);
}

TEST_CASE("font: marks stand over their letters", "[apps][font]") {
  CHECK(ink(glyph(U'e', U"\u0301")) == ink(glyph(U'\u00e9')));
  CHECK(ink(glyph(U'i', U"\u0308")) == ink(glyph(U'\u00ef')));  // without its own dot
  CHECK(ink(glyph(U'a', U"\u0302\u0301")) == ink(glyph(U'\u1ea5')));
  CHECK(text_width("e\u0301", {.size = 20}) == text_width("\u00e9", {.size = 20}));
  std::string heap = "e";
  for (int i = 0; i < 500; ++i) heap += "\u0301";
  CHECK(text_width(heap, {.size = 20}) < 30);
}

std::vector<char32_t> decoded(std::string_view text) {
  std::vector<char32_t> codes;
  while (!text.empty()) codes.push_back(next_code(text));
  return codes;
}

TEST_CASE("utf8: what is not well-formed is passed over a byte at a time", "[apps][font]") {
  using Codes = std::vector<char32_t>;
  CHECK(decoded("a\u00e9\u732b\U0001f600") == Codes{U'a', U'\u00e9', U'\u732b', U'\U0001f600'});
  constexpr char32_t kBad = U'\ufffd';
  CHECK(decoded("\xff"
                "a") == Codes{kBad, U'a'});
  CHECK(decoded("\x80") == Codes{kBad});
  CHECK(decoded("\xc3") == Codes{kBad});                      // cut off
  CHECK(decoded("\xc0\x80") == Codes{kBad, kBad});            // overlong
  CHECK(decoded("\xe0\x80\x80") == Codes{kBad, kBad, kBad});  // overlong
  CHECK(decoded("\xf0\x82\x82\xac").size() == 4);             // overlong
  CHECK(decoded("\xed\xa0\x80") == Codes{kBad, kBad, kBad});  // a surrogate
  CHECK(decoded("\xf4\x90\x80\x80").size() == 4);             // beyond U+10FFFF
  CHECK(decoded("\xe7\x8c"
                "b") == Codes{kBad, kBad, U'b'});
}

TEST_CASE("text: width counts characters, not bytes, and what is invisible has none",
          "[apps][font]") {
  const TextStyle style = {.size = 20};
  CHECK(text_width("\u00e4\u00f6", style) == text_width("ao", style));
  CHECK(text_width("zero\u200bwidth\ufe0f\u00ad", style) == text_width("zerowidth", style));
  CHECK(text_width("\u200d", style) == 0);
  CHECK(text_width("a\u00a0b", style) == text_width("a b", style));
  CHECK(text_width(std::string("\0", 1), style) > 0);  // a stand-in, not an end
  Canvas canvas(60, 40);
  draw_text(canvas, {5, 25}, "\u200b\u2028\u0301\x01\xff", style);
  draw_text(canvas, {5, 25}, "\u202e", style);
}

TEST_CASE("text: what does not fit is shortened between characters", "[apps][font]") {
  const TextStyle style = {.size = 20};
  const std::string name =
      "\u043b\u0435\u0442\u0443\u0447\u0438\u0435 \u043c\u044b\u0448\u0438.jpg";
  CHECK(fit_text(name, 1000, style) == name);
  CHECK(fit_middle(name, 1000, style) == name);
  for (double width = 0; width < text_width(name, style); width += 3.7) {
    for (const std::string& fitted :
         {fit_text(name, width, style), fit_middle(name, width, style)}) {
      CHECK(text_width(fitted, style) <= width);
      for (const char32_t code : decoded(fitted)) CHECK(code != U'\ufffd');
    }
  }
  const std::string middle = fit_middle("IMG_20240131_120301_0001.jpg", 150, style);
  CHECK(middle.starts_with("IMG_"));
  CHECK(middle.ends_with("1.jpg"));
  CHECK(middle.find("\u2026") != std::string::npos);
  // A million characters of no width cost no more than reading them.
  std::string invisible;
  for (int i = 0; i < 1'000'000; ++i) invisible += "\u200b";
  CHECK(text_width(fit_text(invisible + "abcdefghijklmnop", 50, style), style) <= 50);
}

}  // namespace
}  // namespace vitrine
