// Configurations of others are read completely or refused by key and value.

#include "models/weights/known_keys.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "tests/error_of.hpp"

using namespace vitrine;
using test::error_of;

TEST_CASE("known keys are read, harmless ones passed over, all others refused", "[models]") {
  const nlohmann::json object = parse_json(
      R"({"depth": 3, "act": "silu", "why": "because", "new": [1, 2], "nothing": null})");
  KnownKeys keys(object, "c.json", "model_args.");
  CHECK(keys.value_or("depth", int64_t{12}) == 3);
  CHECK(keys.value_or("width", int64_t{768}) == 768);
  CHECK(keys.find("nothing") == nullptr);
  CHECK(error_of([&] { keys.require("act", {"gelu", "relu"}); }) ==
        "c.json: unsupported: model_args.act is \"silu\"; known are \"gelu\", \"relu\"");
  constexpr std::array<std::string_view, 1> kHarmless = {"why"};
  CHECK(error_of([&] {
          keys.finish(kHarmless);
        }).starts_with("c.json: unsupported: model_args.new is [1,2]; not known"));
  CHECK(keys.value_or("new", std::vector<int64_t>{}) == std::vector<int64_t>{1, 2});
  CHECK(error_of([&] { keys.finish(kHarmless); }) == "nothing was refused");
}

TEST_CASE("values of another type name their key", "[models]") {
  const nlohmann::json object = parse_json(R"({"depth": "three", "width": 1.5})");
  KnownKeys keys(object, "c.json");
  CHECK(error_of([&] {
          keys.value_or("depth", int64_t{0});
        }).starts_with("c.json: bad_header: depth is \"three\""));
  CHECK(error_of([&] {
          keys.value_or("width", int64_t{0});
        }).starts_with("c.json: bad_header: width is 1.5"));
  CHECK(error_of([&] { KnownKeys(object["depth"], "c.json", "inner."); }) ==
        "c.json: bad_header: inner is not a JSON object");
}
