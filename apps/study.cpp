// vitrine study: a question of the paper, answered by training a network for each possible answer.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>

#include "apps/command_line/command.hpp"
#include "apps/drawing/dot_plot.hpp"
#include "apps/runs/recipe.hpp"
#include "apps/runs/train_run.hpp"
#include "apps/terminal/print.hpp"
#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/vit_config.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

// Figure 9 has the mean of the patches with the class token's learning rate, and with 3/8 of it.
constexpr double kMeanRate = 3.0 / 8;

/// A network of the study.
struct Variant {
  const char* name;  ///< of its folder
  const char* title;
  const char* position;
  const char* at;
  const char* pool;
  double rate;         ///< of the learning rate
  const char* paper;   ///< table 8: ViT-B/16, 5-shot accuracy on ImageNet, per cent; "" for none
  bool group = false;  ///< a group of the table begins
};

// Table 8, column by column of a row; then figure 9, whose class token is "learned".
constexpr std::array<Variant, 10> kPositionVariants = {{
    {"none", "no position", "none", "start", "token", 1, "61.38"},
    {"learned", "1-D, at the start", "learned", "start", "token", 1, "64.21", true},
    {"learned_every", "1-D, in every block", "learned", "every", "token", 1, "63.96"},
    {"learned_shared", "1-D, in every block, shared", "learned", "shared", "token", 1, "64.29"},
    {"learned_2d", "2-D, at the start", "learned_2d", "start", "token", 1, "64.00", true},
    {"learned_2d_every", "2-D, in every block", "learned_2d", "every", "token", 1, "64.05"},
    {"learned_2d_shared", "2-D, in every block, shared", "learned_2d", "shared", "token", 1,
     "64.02"},
    {"relative", "relative", "relative", "start", "token", 1, "64.03", true},
    {"mean", "1-D, mean of the patches", "learned", "start", "avg", 1, "", true},
    {"mean_low_rate", "the same, learning rate x 3/8", "learned", "start", "avg", kMeanRate, ""},
}};

struct StudyOptions {
  std::string out;
  bool resume = false;
  int workers = 1;
  std::string recipe;
  std::vector<std::string> set;
  json given = json::object();  ///< flags
};

/// What the study trains with where nothing else is said: half an hour or so on two cores.
json usual_options() {
  return {{"data", "fashion-mnist"},
          {"model", "vit_d64_l6_h4_patch4_28_gray"},
          {"epochs", 8},
          {"batch", 128},
          {"lr", 0.001},
          {"clip_norm", 1.0},
          {"weight_init", "jax"},
          {"augment", {{"flip", 0.5}, {"shift", 1}}}};
}

/// The options that all variants share.
json shared_options(const StudyOptions& o, const CommonOptions& common) {
  json all = usual_options();
  if (!o.recipe.empty()) all.merge_patch(read_recipe(o.recipe));
  for (const std::string& assignment : o.set) {
    const std::string key = assignment.substr(0, assignment.find('='));
    if (key == "position" || key == "position_at" || key == "pool") {
      throw UsageError(fmt::format("--set {}: {} is what the study varies", assignment, key));
    }
    set_option(all, assignment);
  }
  all.merge_patch(o.given);
  if (common.seed_given) all["seed"] = common.seed;
  if (all.contains("init")) throw UsageError("a study trains from nothing: leave init out");
  return all;
}

json options_of(const Variant& v, const RunOptions& shared) {
  json options = shared.to_json();
  options["position"] = v.position;
  options["position_at"] = v.at;
  options["pool"] = v.pool;
  for (const char* rate : {"lr", "min_lr", "warmup_lr"}) {
    options[rate] = v.rate * options[rate].get<double>();
  }
  return options;
}

/// Says at once what would stop the last of many runs.
void check_model(const RunOptions& shared) {
  const auto config = network_config(shared.model);
  if (dynamic_cast<const VitConfig*>(config.get()) == nullptr) {
    throw UsageError(
        fmt::format("--model {}: a study of positions needs a vision transformer", shared.model));
  }
  json object = config->to_json();
  for (const Variant& v : kPositionVariants) {
    object["position"] = v.position;
    object["position_at"] = v.at;
    object["global_pool"] = v.pool;
    VitConfig::from_json(object);
  }
}

struct Result {
  const Variant* variant;
  int64_t parameters;
  double lr, validation;
  Evaluation test;
};

/// What study.json holds.
json record_of(const std::vector<Result>& results, const RunOptions& shared) {
  json variants = json::array();
  for (const Result& r : results) {
    variants.push_back({{"name", r.variant->name},
                        {"position", r.variant->position},
                        {"position_at", r.variant->at},
                        {"pool", r.variant->pool},
                        {"lr", r.lr},
                        {"parameters", r.parameters},
                        {"validation_top1", r.validation < 0 ? json() : json(r.validation)},
                        {"test_top1", r.test.accuracy()},
                        {"test_loss", r.test.loss()}});
  }
  return {{"study", "position"},
          {"options", shared.to_json()},
          {"images", results.front().test.images},
          {"variants", variants}};
}

std::string epochs_of(const RunOptions& shared) {
  return fmt::format("{} epoch{}", shared.epochs, shared.epochs == 1 ? "" : "s");
}

void print_table(const std::vector<Result>& results) {
  print("{:<31}{:>11}{:>12}{:>10}{:>10}\n", "", "parameters", "validation", "test", "paper");
  for (const Result& r : results) {
    const std::string paper =
        *r.variant->paper == '\0' ? "" : fmt::format("{} %", r.variant->paper);
    const std::string validation =
        r.validation < 0 ? "none" : fmt::format("{:.2f} %", 100 * r.validation);
    if (r.variant->group) print("\n");
    print("{:<31}{:>11}{:>12}{:>8.2f} %{:>10}\n", r.variant->title, r.parameters, validation,
          100 * r.test.accuracy(), paper);
  }
  print("\npaper: table 8, ViT-B/16, 5-shot accuracy on ImageNet\n");
}

Image draw(const std::vector<Result>& results, const RunOptions& shared) {
  std::vector<Dot> rows;
  const auto images = static_cast<double>(results.front().test.images);
  for (const Result& r : results) {
    const double p = r.test.accuracy();
    rows.push_back({r.variant->title, 100 * p, 200 * std::sqrt(p * (1 - p) / images),
                    fmt::format("{:.2f} %", 100 * p), r.variant->group});
  }
  const std::string model = shared.model.starts_with('{') ? "a ViT" : shared.model;
  return draw_dot_plot(
      "Position embeddings, and what the head sees", "test accuracy, %",
      fmt::format("{} on {}, {}, seed {}; lines are two standard errors of {} test images", model,
                  shared.data, epochs_of(shared), shared.seed, results.front().test.images),
      rows);
}

int position_study(const StudyOptions& o, const CommonOptions& common) {
  const RunOptions shared = RunOptions::from_json(shared_options(o, common));
  check_model(shared);
  check_new_folder(o.out, o.resume);
  const bool quiet = common.quiet || common.json;
  if (!quiet) {
    print("{} on {}: {} networks, {} each\n", shared.model, shared.data, kPositionVariants.size(),
          epochs_of(shared));
    std::fflush(stdout);
  }
  watch_interrupt();
  std::vector<Result> results;
  for (const Variant& v : kPositionVariants) {
    const RunFolder folder{.path = o.out + "/" + v.name, .resume = o.resume, .workers = o.workers};
    const json options = options_of(v, shared);
    const std::unique_ptr<Run> run = open_run(folder, options, common);
    if (results.empty()) print_notes(run->notes(), common);
    const RunPart part{v.name, static_cast<int64_t>(results.size()),
                       static_cast<int64_t>(kPositionVariants.size())};
    const auto result = train_and_test(*run, folder, common, part);
    if (!result) {
      if (!common.quiet) {
        print(stderr, "vitrine: interrupted; to go on: the same command with --resume, --out {}\n",
              o.out);
      }
      return kInterrupted;
    }
    results.push_back({&v, run->model().network->network_config().parameters(), options["lr"],
                       run->best_accuracy(), *result});
  }
  const json record = record_of(results, shared);
  const std::string text = write_json(record, 2) + "\n";
  write_file_atomically(o.out + "/study.json", std::as_bytes(std::span(text)));
  write_png(o.out + "/study.png", draw(results, shared));
  if (common.json) {
    print_json(record);
  } else if (!common.quiet) {
    print_table(results);
    print("{}/study.json, {}/study.png; a run's folder for each network\n", o.out, o.out);
  }
  return 0;
}

}  // namespace

void add_study(CLI::App& app) {
  CLI::App& parent = add_group(app, "study", "a question of the paper, answered by training");
  auto o = std::make_shared<StudyOptions>();
  CLI::App& command = add_command(
      parent, "position",
      "position embeddings (the paper's table 8), class token or mean of the patches (figure 9)",
      [o](const CommonOptions& common) { return position_study(*o, common); });
  const json usual = usual_options();
  const auto text = [&](const char* flag, const char* key, const std::string& help) {
    add_option_function<std::string>(
        command, flag, [o, key](const std::string& v) { o->given[key] = v; },
        fmt::format("{} [{}]", help, usual[key].get<std::string>()));
  };
  text("--data", "data", kDatasetNames);
  text("--model", "model", "name or JSON file of a ViT with a class token");
  add_option_function<int64_t>(
      command, "--epochs", [o](const int64_t& v) { o->given["epochs"] = v; },
      fmt::format("times through the data, for each network [{}]", usual["epochs"].get<int64_t>()))
      .not_negative();
  add_option(
      command, "--recipe", o->recipe,
      fmt::format("other options from a file, or one of {}; position and pool are the study's",
                  fmt::join(recipe_names(), ", ")));
  add_option(command, "--set", o->set,
             "KEY=VALUE for an option under its name in config.json, such as batch=64; wins over "
             "the recipe");
  add_option(command, "--out", o->out, "folder: a run for each network, study.json, study.png")
      .required();
  add_flag(command, "--resume", o->resume, "go on with the folder's runs; start those not begun");
  add_option(command, "--workers", o->workers, "threads that prepare pictures")
      .range(0, 64)
      .show_default();
}

}  // namespace vitrine
