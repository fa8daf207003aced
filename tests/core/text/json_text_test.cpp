#include "core/text/json_text.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/text/json_problem.hpp"

using namespace vitrine;

namespace {

template <class T>
T read(const char* text) {
  return read_json<T>(parse_json(text));
}

}  // namespace

TEST_CASE("read_json takes integers for integers alone", "[json]") {
  CHECK(read<int64_t>("-9223372036854775808") == INT64_MIN);
  CHECK(read<int64_t>("9223372036854775807") == INT64_MAX);
  CHECK(read<uint64_t>("18446744073709551615") == UINT64_MAX);
  CHECK(read<std::vector<int64_t>>("[1, -2]") == std::vector<int64_t>{1, -2});
  CHECK(read<std::array<int64_t, 2>>("[3, 4]") == std::array<int64_t, 2>{3, 4});

  for (const char* text : {"1.5", "1.0", "1e67", "9223372036854775808", "\"1\"", "null", "{}"}) {
    INFO(text);
    CHECK_THROWS_AS(read<int64_t>(text), nlohmann::json::exception);
  }
  CHECK_THROWS_AS(read<uint64_t>("-1"), nlohmann::json::exception);
  CHECK_THROWS_AS(read<std::vector<int64_t>>("[1, 2.5]"), nlohmann::json::exception);
  CHECK_THROWS_AS((read<std::array<int64_t, 2>>("[1e30, 4]")), nlohmann::json::exception);
}

TEST_CASE("read_json takes numbers, texts and truth values as nlohmann does", "[json]") {
  CHECK(read<double>("1e67") == 1e67);
  CHECK(read<double>("2") == 2.0);
  CHECK(read<bool>("true"));
  CHECK(read<std::string>("\"a\"") == "a");
  CHECK(read<std::vector<double>>("[0.5, 1]") == std::vector<double>{0.5, 1.0});
  CHECK_THROWS_AS(read<bool>("1"), nlohmann::json::exception);
}

TEST_CASE("read_json_or has a fallback for what is not there", "[json]") {
  const nlohmann::json object = parse_json(R"({"a": 3, "b": 3.5})");
  CHECK(read_json_or(object, "a", int64_t{1}) == 3);
  CHECK(read_json_or(object, "c", int64_t{1}) == 1);
  CHECK_THROWS_AS(read_json_or(object, "b", int64_t{1}), nlohmann::json::exception);
}

TEST_CASE("JSON is read up to a depth, and no deeper", "[json][errors]") {
  const auto nested = [](size_t depth, const std::string& open, const std::string& close) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += open;
    text += "1";
    for (size_t i = 0; i < depth; ++i) text += close;
    return text;
  };
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}")}) {
    CHECK_NOTHROW(parse_json(nested(kMaxJsonDepth, open, close)));
    CHECK_THROWS_WITH(parse_json(nested(kMaxJsonDepth + 1, open, close)),
                      Catch::Contains("more than 64 deep"));
    CHECK_THROWS_AS(parse_json(nested(1'000'000, open, close)), nlohmann::json::exception);
    CHECK(try_parse_json(nested(1'000'000, open, close)).is_discarded());
    CHECK_THROWS_AS(parse_json(nested(1'000'000, open, "")), nlohmann::json::exception);
  }
  std::string wide = "[1";
  for (int i = 0; i < 1000; ++i) wide += ",[]";
  CHECK_NOTHROW(parse_json(wide + "]"));
  CHECK(try_parse_json("[1").is_discarded());
  CHECK_FALSE(try_parse_json("[1]").is_discarded());
}

TEST_CASE("what somebody wrote and is no JSON is refused in the name of what it is for",
          "[json][errors]") {
  CHECK(parse_options("options: ", R"({"lr": 1})") == nlohmann::json{{"lr", 1}});
  CHECK_THROWS_AS(parse_options("options: ", R"({"lr": )"), UsageError);
  CHECK_THROWS_WITH(parse_options("options: ", R"({"lr": )"), "options: not JSON from byte 8 on");
}
