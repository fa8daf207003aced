// Names from files in columns of a terminal.

#include "apps/terminal/screen_column.hpp"

#include <catch2/catch.hpp>

namespace vitrine {
namespace {

TEST_CASE("screen text: columns", "[apps]") {
  CHECK(screen_width("abc") == 3);
  CHECK(screen_width("\xc3\xa4") == 1);
  CHECK(screen_width("a\xcc\x88") == 1);  // a mark on the letter before
  CHECK(screen_width("\xe7\x8a\xac\xf0\x9f\x98\x80") == 4);
  CHECK(screen_column("abc", 5) == "abc  ");
  CHECK(screen_column("abcdef", 5) == "ab...");
  CHECK(screen_column("abcde", 5) == "abcde");
  CHECK(screen_column("\xe7\x8a\xac\xe7\x8a\xac\xe7\x8a\xac", 5) == "\xe7\x8a\xac...");
  CHECK(screen_column("\xe7\x8a\xac\xe7\x8a\xac\xe7\x8a\xac\xe7\x8a\xac", 6) == "\xe7\x8a\xac... ");
  CHECK(screen_column("abc", 2) == "..");
}

}  // namespace
}  // namespace vitrine
