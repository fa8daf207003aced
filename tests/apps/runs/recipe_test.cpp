// recipe: every recipe that comes along is one that a run would take; --set; what is no recipe.
// Not here: impossible options (tests/models/training/run_options_test.cpp), a run of one
// (tests/program).

#include "apps/runs/recipe.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/inference/shared_file.hpp"
#include "models/networks/network.hpp"
#include "models/training/run.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// Recipes lie beside the program, and the tests do not lie there: found by their path.
std::vector<std::string> recipe_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("apps/recipes")) {
    files.push_back(entry.path().string());
  }
  return files;
}

TEST_CASE("recipe: every one that comes along is understood, to the last key", "[apps]") {
  const std::vector<std::string> files = recipe_files();
  CHECK(files.size() >= 10);
  for (const std::string& file : files) {
    INFO(file);
    json options = read_recipe(file);
    const json weights = "weights.safetensors";
    for (const auto& [key, named] :
         {std::pair("init", weights), {"teacher", json::array({weights})}}) {
      if (!options.contains(key)) continue;
      CHECK(options[key].is_null());
      options[key] = named;
    }
    const RunOptions read = RunOptions::from_json(options);
    if (read.model.empty()) {  // that of the weights that it begins with
      CHECK(options.contains("init"));
    } else {
      CHECK(network_config(read.model)->parameters() > 0);
    }
    // What it says is what the run has: no key is read and forgotten.
    json stored = read.to_json();
    const json before = stored;
    stored.merge_patch(options);
    CHECK(stored == before);
  }
}

TEST_CASE("recipe: --set", "[apps]") {
  json options = {{"lr", 1.0}, {"augment", {{"flip", 0.25}}}};
  set_option(options, "lr=3e-4");
  set_option(options, "augment.shift=2");
  set_option(options, "augment.auto_augment=rand-m9");
  set_option(options, "model=a=b");
  set_option(options, "freeze=[\"x.*\"]");
  CHECK(options == json{{"lr", 3e-4},
                        {"augment", {{"flip", 0.25}, {"shift", 2}, {"auto_augment", "rand-m9"}}},
                        {"model", "a=b"},
                        {"freeze", {"x.*"}}});
  for (const char* bad : {"lr", "=3", "", "lr.x=3", ".=1", "augment..x=1"}) {
    INFO(bad);
    CHECK_THROWS_AS(set_option(options, bad), UsageError);
  }
}

TEST_CASE("recipe: files that are none", "[apps][errors]") {
  const test::TempDir dir;
  for (const char* text : {"", "{", "[]", "{}", R"({"options": 3})", R"({"options": {}, "lr": 1})",
                           R"({"options": {}, "source": 1})"}) {
    INFO(text);
    CHECK_THROWS_AS(read_recipe(dir.add("r.json", text)), FormatError);
  }
  CHECK(read_recipe(dir.add("r.json", R"({"options": {"lr": 1}})")) == json{{"lr", 1}});
  CHECK_THROWS_AS(read_recipe(dir.file("none.json")), UsageError);
}

}  // namespace
}  // namespace vitrine
