// given_options: recipe, --set and flags together, and an impossible value in the user's words.
// Not here: what help says of them (tests/program).

#include "apps/runs/given_options.hpp"

#include <catch2/catch.hpp>

#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

TEST_CASE("given options: flags win over --set, which wins over the recipe", "[apps]") {
  const test::TempDir dir;
  GivenOptions given;
  given.recipe =
      dir.add("r.json", R"({"options": {"lr": 1, "batch": 2, "augment": {"hue": 0.25}}})");
  given.set = {"batch=3", "epochs=4", "augment.flip=0.5"};
  given.flags = {{"epochs", 5}, {"augment", {{"flip", 0.75}}}};
  CHECK(resolved(given) ==
        json{{"lr", 1}, {"batch", 3}, {"epochs", 5}, {"augment", {{"hue", 0.25}, {"flip", 0.75}}}});
}

TEST_CASE("given options: an impossible value is quoted as it was typed", "[apps][errors]") {
  GivenOptions given;
  given.typed = {{"augment.flip", "--flip 2"}};
  given.set = {"lr=-1"};
  const auto said = [&](const char* key) {
    return std::string(as_typed(OptionError(key, "above 0", "-1"), given).what());
  };
  CHECK(said("augment.flip") == "--flip 2: must be above 0");
  CHECK(said("lr") == "--set lr=-1: must be above 0");
  CHECK(said("eps") == "eps must be above 0, got -1");
  given.recipe = "r.json";
  CHECK(said("eps") == "--recipe r.json: eps must be above 0, got -1");
}

}  // namespace
}  // namespace vitrine
