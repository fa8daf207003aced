// parse_number: what is a number on a command line, and what is said of the rest.

#include "apps/command_line/parse_number.hpp"

#include <catch2/catch.hpp>
#include <cstdint>

namespace vitrine {
namespace {

template <class Number>
Number read(const char* text) {
  Number value{};
  CHECK(parse_number(text, value) == "");
  return value;
}

template <class Number>
std::string problem(const std::string& text) {
  Number value = 7;
  const std::string words = parse_number(text, value);
  CHECK(value == 7);  // left alone
  CHECK(words.size() < 100);
  return words;
}

TEST_CASE("parse number: numbers", "[apps]") {
  CHECK(read<int64_t>("12") == 12);
  CHECK(read<int64_t>("-12") == -12);
  CHECK(read<int64_t>("+12") == 12);
  CHECK(read<int64_t>("010") == 10);  // not octal
  CHECK(read<int64_t>("9223372036854775807") == INT64_MAX);
  CHECK(read<uint64_t>("18446744073709551615") == UINT64_MAX);
  CHECK(read<double>("1e-3") == 1e-3);
  CHECK(read<double>(".5") == 0.5);
  CHECK(read<double>("-2") == -2);
}

TEST_CASE("parse number: what is none is said in few words", "[apps][errors]") {
  for (const char* text : {"five", "", " ", "1.5", "1e3", "0x10", "12 ", "- 1", "+-1", "++1",
                           "64x48", "--lr", "1'000", "1_000"}) {
    INFO(text);
    CHECK(problem<int64_t>(text).find("is no whole number") != std::string::npos);
  }
  for (const char* text :
       {"five", "nan", "inf", "-inf", "NaN", "infinity", "1.2.3", "0x1p3", "1,2,3"}) {
    INFO(text);
    CHECK(problem<double>(text).find("is no number") != std::string::npos);
  }
  CHECK(problem<double>("0,001") == "'0,001' is no number: write 0.001");
  CHECK(problem<int64_t>("9223372036854775808") == "'9223372036854775808' is too large");
  CHECK(problem<double>("1e999").find("too large") != std::string::npos);
  CHECK(problem<uint64_t>("-1") == "-1 is negative");
  CHECK(problem<int64_t>(std::string(10'000, '9')).size() < 100);
  CHECK(problem<double>(std::string(10'000, 'x')).size() < 100);
}

}  // namespace
}  // namespace vitrine
