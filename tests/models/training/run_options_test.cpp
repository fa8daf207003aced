// Options of training: the table, what is refused, and how.
// Not here: what each does (the tests of data and training), flags (tests/apps/runs).

#include <catch2/catch.hpp>

#include <cmath>
#include <set>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/data/augment_table.hpp"
#include "models/training/option_table.hpp"

namespace vitrine {
namespace {

TEST_CASE("run options: every entry has a key of its own, help, a section and a good default",
          "[models]") {
  std::set<std::string> keys;
  const RunOptions usual;
  const auto look = [&](const OptionEntry& entry, const auto& value, const auto&... names) {
    INFO(entry.key);
    CHECK(keys.insert(entry.key).second);
    CHECK(entry.help.size() > 3);
    CHECK_NOTHROW(kCheckRange(entry, value, names...));
  };
  const auto look_at_section = [&](const OptionEntry& entry, const auto& value,
                                   const auto&... names) {
    CHECK_FALSE(entry.section.empty());
    look(entry, value, names...);
  };
  each_run_option(usual, look_at_section);
  each_augment_option(usual.augment, look);
  CHECK(keys.size() == usual.to_json().size() - 1 + usual.augment.to_json().size());
}

TEST_CASE("run options: ranges, in words", "[models]") {
  CHECK(between(0, 1).words() == "0 to 1");
  CHECK(between(1, 1'000'000).words() == "1 to 1000000");
  CHECK(above(0).words() == "above 0");
  CHECK(at_least(0).words() == "at least 0");
  CHECK(at_least(0).below(1).words() == "at least 0 and below 1");
  CHECK(above(0).at_most(1).words() == "above 0, at most 1");
  CHECK(above(0).below(1000).words() == "above 0 and below 1000");
  CHECK(above(0).below(1000).wanted(0) == "above 0");
  CHECK(above(0).below(1000).wanted(1000) == "below 1000");
  CHECK(between(0, {"lr", 0.001}).words() == "0 to lr");
  CHECK(between(0, {"lr", 0.001}).wanted(1) == "0 to lr (0.001)");
  CHECK(Values{}.words().empty());
  CHECK_FALSE(at_least(0).below(1).allow(1));
  CHECK_FALSE(above(0).at_most(1).allow(0));
  CHECK(above(0).at_most(1).allow(1));
  CHECK_FALSE(Values{}.allow(std::nan("")));
}

TEST_CASE("run options: unknown ones are refused with the nearest name", "[models][errors]") {
  CHECK_THROWS_WITH(RunOptions::parse(R"({"epoch": 3})"),
                    "training options: unknown key 'epoch'; did you mean 'epochs'?");
  CHECK_THROWS_WITH(RunOptions::parse(R"({"augment": {"flipp": 1}})"),
                    Catch::Contains("did you mean 'flip'?"));
  CHECK_THROWS_WITH(RunOptions::parse(R"({"flip": 1})"),
                    Catch::Contains("did you mean 'augment.flip'?"));
  CHECK_THROWS_WITH(RunOptions::parse(R"({"schedule": "cosin"})"),
                    Catch::Contains("did you mean cosine? known are constant, linear, cosine"));
  CHECK_THROWS_WITH(RunOptions::parse(R"({"zzzzzzzz": 3})"),
                    "training options: unknown key 'zzzzzzzz'");
}

TEST_CASE("run options: values of another type and out of range are refused by key",
          "[models][errors]") {
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
           {R"({"image_size": -1})", "image_size must be 0 (the model's) to 8192, got -1"},
           {R"({"warmup_epochs": 11})", "warmup_epochs must be 0 to epochs (10), got 11"},
           {R"({"drop_path": -1})", "drop_path must be at least 0 and below 1, got -1"},
           {R"({"cutmix": 0.0001})", "cutmix must be 0 or 0.001 to 1000, got 0.0001"},
           {R"({"mix_probability": 1.5})", "mix_probability must be 0 to 1, got 1.5"},
           {R"({"cutmix_probability": -0.1})", "cutmix_probability must be 0 to 1, got -0.1"},
           {R"({"mix_off_epoch": -1})", "mix_off_epoch must be at least 0, got -1"},
           {R"({"augment": {"crop_scale_min": 0.5}})",
            "augment.crop_scale_max must be crop_scale_min (0.5) to 1, got 0"},
           {R"({"augment": {"interpolation": "x"}})",
            "augment.interpolation must be random, bilinear or bicubic, got x"},
           {R"({"distillation": "soft", "teacher": "x", "distillation_alpha": 1.1})",
            "distillation_alpha must be 0 to 1, got 1.1"},
           {R"({"distillation": "soft", "teacher": "x", "distillation_tau": 0})",
            "distillation_tau must be 0.001 to 1000, got 0"},
           {R"({"epochs": )", "not JSON from byte 12 on"}}) {
    INFO(text);
    CHECK_THROWS_AS(RunOptions::parse(text), UsageError);
    CHECK_THROWS_WITH(RunOptions::parse(text), Catch::Contains(says));
    CHECK_THROWS_WITH(RunOptions::parse(text), !Catch::Contains("json.exception"));
  }
}

TEST_CASE("run options: what one asks of another", "[models][errors]") {
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {R"({"nesterov": true, "momentum": 0})", "nesterov needs momentum"},
           {R"({"distillation": "soft"})", "distillation needs a teacher: name a model"},
           {R"({"teacher": "x"})", "a teacher needs a distillation: soft or hard"},
           {R"({"distillation_alpha": 0.6})",
            "distillation_alpha needs a distillation: soft or hard"},
           {R"({"distillation": "hard", "teacher": "x", "distillation_tau": 2})",
            "distillation_tau is for soft distillation"},
           {R"({"position_resampling": "bicubic"})",
            "position_resampling is for weights that a run starts from: name them with init"}}) {
    INFO(text);
    CHECK_THROWS_WITH(RunOptions::parse(text), says);
  }
  for (const char* good :
       {R"({"distillation": "soft", "teacher": "x", "distillation_alpha": 1,
            "distillation_tau": 4})",
        R"({"distillation": "hard", "teacher": ["x"], "distillation_alpha": 0})"}) {
    CHECK_NOTHROW(RunOptions::parse(good));
  }
}

}  // namespace
}  // namespace vitrine
