// recipe: every recipe that comes along is one that a run would take; --set; what is refused.
// Not here: a run of one (tests/program).

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
    const RunOptions read = RunOptions::from_json(write_json(options));
    if (read.model.empty()) {  // that of the weights that it begins with
      CHECK(options.contains("init"));
    } else {
      CHECK(network_config(read.model)->parameters() > 0);
    }
    // What it says is what the run has: no key is read and forgotten.
    json stored = parse_json(read.to_json());
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

TEST_CASE("recipe: unknown options are refused with the nearest name", "[apps][errors]") {
  CHECK_THROWS_WITH(RunOptions::from_json(R"({"epoch": 3})"),
                    "training options: unknown key 'epoch'; did you mean 'epochs'?");
  CHECK_THROWS_WITH(RunOptions::from_json(R"({"augment": {"flipp": 1}})"),
                    Catch::Contains("did you mean 'flip'?"));
  CHECK_THROWS_WITH(RunOptions::from_json(R"({"flip": 1})"),
                    Catch::Contains("did you mean 'augment.flip'?"));
  CHECK_THROWS_WITH(RunOptions::from_json(R"({"schedule": "cosin"})"),
                    Catch::Contains("did you mean cosine? known are constant, linear, cosine"));
  CHECK_THROWS_WITH(RunOptions::from_json(R"({"zzzzzzzz": 3})"),
                    "training options: unknown key 'zzzzzzzz'");
}

TEST_CASE("recipe: values of another type and out of range are refused by key", "[apps][errors]") {
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {R"({"epochs": "abc"})", "epochs must be a whole number, got \"abc\""},
           {R"({"epochs": 1.5})", "epochs must be a whole number, got 1.5"},
           {R"({"lr": null})", "lr must be a number, got null"},
           {R"({"ema_warmup": 1})", "ema_warmup must be true or false, got 1"},
           {R"({"freeze": 3})", "freeze must be a list of texts, or one text, got 3"},
           {R"({"optimizer": 3})", "optimizer must be text, got 3"},
           {R"({"seed": -1})", "seed must be a whole number that is not negative, got -1"},
           {R"({"augment": {"flip": "x"}})", "augment.flip must be a number, got \"x\""},
           {R"({"augment": {"flip": 2}})", "augment.flip must be 0 to 1, got 2"},
           {R"({"augment": 2})", "not a JSON object"},
           {R"({"lr": 1000})", "lr must be below 1000, got 1000"},
           {R"({"lr": 0})", "lr must be above 0, got 0"},
           {R"({"min_lr": 1})", "min_lr must be 0 to lr (0.001), got 1"},
           {R"({"mixup": -1})", "mixup must be 0 or 0.001 to 1000, got -1"},
           {R"({"epochs": )", "not JSON from byte 12 on"}}) {
    INFO(text);
    CHECK_THROWS_AS(RunOptions::from_json(text), UsageError);
    CHECK_THROWS_WITH(RunOptions::from_json(text), Catch::Contains(says));
    CHECK_THROWS_WITH(RunOptions::from_json(text), !Catch::Contains("json.exception"));
  }
}

}  // namespace
}  // namespace vitrine
