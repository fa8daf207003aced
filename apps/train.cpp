// vitrine train: trains a model in a folder, or goes on with what is there.

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "apps/command_line/command.hpp"
#include "apps/runs/given_options.hpp"
#include "apps/runs/train_heading.hpp"
#include "apps/runs/train_run.hpp"
#include "apps/terminal/print.hpp"
#include "core/process_memory.hpp"
#include "models/training/run.hpp"

namespace vitrine {
namespace {

struct TrainOptions {
  RunFolder folder;
  std::shared_ptr<GivenOptions> given = std::make_shared<GivenOptions>();
};

// Where several ranks can train: enough for a node or a few, and large enough parts of a batch.
constexpr int64_t kShards = 8;

/// The options that the user gave, with what a recipe leaves to him.
nlohmann::json named(const TrainOptions& o) {
  nlohmann::json all = resolved(*o.given);
  const std::string& recipe = o.given->recipe;
  const bool continues = o.folder.resume && Run::stored_options(o.folder.path).has_value();
  // null in a recipe: the user names it.
  for (const auto& [key, what] :
       {std::pair("init", "weights to start from"), std::pair("teacher", "model to learn from")}) {
    if (!all.contains(key) || !all[key].is_null()) continue;
    if (!continues) {
      throw UsageError(fmt::format("--recipe {}: name the {} with --{}", recipe, what, key));
    }
    all.erase(key);
  }
  if (!recipe.empty() && !all.contains("data") && !continues) {
    throw UsageError(fmt::format("--recipe {}: name the pictures with --data", recipe));
  }
  if (o.folder.group->launched() && !continues && !all.contains("shards")) {
    all["shards"] = kShards;
  }
  return all;
}

/// What a run ended with.
void print_test(double accuracy, double loss, int64_t images) {
  print("test accuracy {:.2f} %, loss {:.4f}, {} images\n", 100 * accuracy, loss, images);
}

void print_files(const std::string& before, const TrainOptions& o, const std::string& behind) {
  print_wrapped(stdout, fmt::format("{}model.safetensors and result.json in {}{}", before,
                                    o.folder.path, behind));
}

void report(const Run& run, const Evaluation& result, const TrainOptions& o,
            const CommonOptions& common, int64_t memory) {
  if (common.json) {
    const nlohmann::json out = {{"top1", result.accuracy()},
                                {"top5", result.accuracy5()},
                                {"loss", result.loss()},
                                {"images", result.images},
                                {"memory_estimate_mib", memory >> 20},
                                {"peak_rss_mib", process_memory().peak_bytes >> 20}};
    print_json(out);
  } else if (!common.quiet) {
    const size_t bad = run.bad_pictures().size();
    if (bad > 0) print("{} training pictures were left out\n", bad);
    print_test(result.accuracy(), result.loss(), result.images);
    const std::string weights = run.best_epoch() == 0
                                    ? ""
                                    : fmt::format("weights of epoch {}, the {}; ", run.best_epoch(),
                                                  run.validation_images() > 0 ? "best" : "last");
    print_files(weights, o, "");
  }
}

/// Says what a run that is done has come to; nothing is computed.
int report_done(const nlohmann::json& result, const TrainOptions& o, const CommonOptions& common) {
  const auto number = [&](const char* key) { return result.value(key, std::nan("")); };
  if (common.json) {
    print_json(result);
  } else if (!common.quiet) {
    print("this run is done: {} epochs; ", result.value("epochs", int64_t{0}));
    print_test(number("top1"), number("loss"), result.value("images", int64_t{0}));
    print_files("", o, "; more: --resume --epochs N");
  }
  return 0;
}

/// Processes that mpirun starts of a program that knows no MPI would each train for itself.
void refuse_mpirun(const Group& group) {
  if (group.launched()) return;
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    const char* processes = std::getenv(name);
    if (processes == nullptr || std::atoi(processes) <= 1) continue;
    throw UsageError(fmt::format(
        "mpirun has started {} of these, which know no MPI: vitrine-mpi (make mpi) does",
        processes));
  }
}

int train(const TrainOptions& o, CommonOptions common) {
  Group& group = *o.folder.group;
  refuse_mpirun(group);
  common.quiet = common.quiet || !group.first();
  if (common.seed_given) o.given->flags["seed"] = common.seed;
  watch_interrupt();
  std::unique_ptr<Run> run;
  try {
    const nlohmann::json given = named(o);
    if (const auto result = finished_result(o.folder, given)) {
      return report_done(*result, o, common);
    }
    run = open_run(o.folder, given, common);
    group.set_advice(
        fmt::format("to go on, with any number of ranks up to {}: the same with --out {} --resume",
                    run->options().update.shards, o.folder.path));
  } catch (const OptionError& e) {
    throw as_typed(e, *o.given);
  }
  const bool quiet = common.quiet || common.json;
  run->memory_estimate();
  if (!quiet) print_heading(*run);
  print_notes(run->model().notes, common);
  print_notes(run->notes(), common);
  print_bad_pictures(run->bad_pictures(), "training pictures", common);
  if (!common.quiet) print_warnings(*run);
  const auto result = train_and_test(*run, o.folder, common);
  if (!result) {
    if (!common.quiet) {
      print(stderr, "vitrine: interrupted; to go on: vitrine train --out {} --resume\n",
            o.folder.path);
    }
    return kInterrupted;
  }
  report(*run, *result, o, common, run->memory_estimate());
  return 0;
}

}  // namespace

void add_train(CLI::App& app) {
  auto o = std::make_shared<TrainOptions>();
  o->folder.group = &launched_group();
  CLI::App& command = add_command(app, "train", "trains a model",
                                  [o](const CommonOptions& common) { return train(*o, common); });
  HelpAll help_all(command, "In brackets: the default; the values that are allowed.");
  add_option(command, "--out", o->folder.path, "folder of the run").required();
  add_flag(command, "--resume", o->folder.resume,
           "go on from the folder's checkpoint, or begin again with its config.json; --epochs may "
           "be more than they were");
  help_all.alone_lists(
      add_option(command, "--workers", o->folder.workers, "threads that prepare pictures")
          .range(0, 64)
          .show_default());
  help_all.alone_lists(add_option(command, "--checkpoint-steps", o->folder.checkpoint_steps,
                                  "a checkpoint every so many steps too; 0 for once an epoch")
                           .not_negative()
                           .show_default());
  add_run_options(command, o->given, help_all);
}

}  // namespace vitrine
