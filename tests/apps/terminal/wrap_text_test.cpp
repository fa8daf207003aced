// wrap_text: lines of eighty columns.

#include "apps/terminal/wrap_text.hpp"

#include <catch2/catch.hpp>

namespace vitrine {
namespace {

TEST_CASE("wrap text: at blanks, the second line is indented", "[apps]") {
  CHECK(wrap_text("") == "");
  CHECK(wrap_text("one line") == "one line");
  CHECK(wrap_text("aa bb cc dd", 5) == "aa bb\n  cc\n  dd");
  CHECK(wrap_text("aa bb cc dd", 7) == "aa bb\n  cc dd");
  CHECK(wrap_text("a verylongword b", 6) == "a\n  verylongword\n  b");
  CHECK(wrap_text("\u00e9\u00e9 \u00e9\u00e9", 5) ==
        "\u00e9\u00e9 \u00e9\u00e9");  // characters, not bytes
}

}  // namespace
}  // namespace vitrine
