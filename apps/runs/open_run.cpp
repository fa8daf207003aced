#include "apps/runs/open_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/terminal/print.hpp"
#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/folder_entries.hpp"
#include "core/isa.hpp"
#include "core/text/json_text.hpp"
#include "models/training/metrics_file.hpp"

namespace vitrine {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr int64_t kMaxResultBytes = int64_t{1} << 20;

std::string result_file(const RunFolder& folder) { return folder.path + "/result.json"; }

/// What `given` changes of the run's own options. Throws UsageError if it may not.
json changes_of(json given, const RunOptions& own, const std::string& folder) {
  if (given.contains("model") && given["model"] == "") given.erase("model");  // what was chosen
  const json stored = own.to_json();
  json wanted = stored;
  wanted.merge_patch(given);
  // What is unknown, or impossible, is refused as it would be for a new run.
  wanted = RunOptions::from_json(std::move(wanted)).to_json();
  json changes = json::object();
  for (const auto& [key, value] : stored.items()) {
    if (wanted.at(key) == value) continue;
    const bool changeable = std::ranges::find(kChangeableOptions, key) != kChangeableOptions.end();
    if (!changeable) {
      throw UsageError(fmt::format(
          "--resume: this run has {} = {}, not {}; another --out with --init {} goes on from its "
          "weights",
          key, write_json(value), write_json(wanted.at(key)), folder));
    }
    changes[key] = wanted.at(key);
  }
  if (changes.contains("epochs") && changes["epochs"] < stored["epochs"]) {
    throw UsageError(fmt::format("--epochs {}: this run has {}, and can only have more",
                                 write_json(changes["epochs"]), write_json(stored["epochs"])));
  }
  return changes;
}

/// Refuses to begin again where a checkpoint has been lost.
void check_never_saved(const std::string& folder) {
  const std::string path = folder + "/metrics.jsonl";
  if (!fs::exists(path)) return;
  int64_t epochs = 0;
  for (const std::string& line : read_metrics(path, 0)) {
    epochs += line.find("\"seconds\"") != std::string::npos ? 1 : 0;
  }
  // The model of an epoch is written before its checkpoint.
  if (epochs <= 1) return;
  throw UsageError(fmt::format(
      "--resume: {} has {} epochs in its metrics.jsonl, but no checkpoint.safetensors any more; "
      "bring that back, or take another --out with --init {}",
      folder, epochs, folder));
}

/// Refuses a folder of something else.
void check_holds_no_other(const std::string& folder) {
  const std::error_code error = for_each_entry(folder, [&](const std::string& name) {
    if (name == "metrics.jsonl" || name.ends_with(".vitrine-tmp")) return true;  // a run just begun
    throw UsageError(
        fmt::format("--out {}: holds {} and no run; take another folder", folder, name));
  });
  if (error && fs::exists(folder)) throw IoError(folder, "cannot read: " + error.message());
}

void say(const std::string& text, const CommonOptions& common) {
  if (!common.quiet) print_wrapped(stderr, "vitrine: " + text);
}

/// Says what more epochs mean for the learning rate.
void say_more_epochs(const Run& run, int64_t before, const CommonOptions& common) {
  const RunOptions& o = run.options();
  const bool falls_to_the_end = o.schedule == Decay::kLinear || o.schedule == Decay::kCosine;
  say(fmt::format("{} epochs instead of {}{}", o.epochs, before,
                  falls_to_the_end
                      ? fmt::format("; the learning rate is from here on that of a run "
                                    "of {} epochs",
                                    o.epochs)
                      : ""),
      common);
}

std::unique_ptr<Run> go_on(const RunFolder& folder, const RunOptions& own, const json& changes,
                           const CommonOptions& common) {
  std::unique_ptr<Run> run = Run::resume(folder.path, folder.workers, changes, *folder.group);
  if (changes.contains("epochs")) {
    std::error_code ignored;
    if (folder.group->first()) fs::remove(result_file(folder), ignored);  // it will be another
    say_more_epochs(*run, own.epochs, common);
  }
  if (run->checkpoint_isa() != isa_name(active_isa())) {
    say(fmt::format("the checkpoint was written with {0}, this runs {1}: the result will not be "
                    "bit-identical; --isa {0} would keep it so",
                    run->checkpoint_isa(), isa_name(active_isa())),
        common);
  }
  return run;
}

}  // namespace

void check_new_folder(const std::string& path, bool resume) {
  std::error_code error;
  if (!resume && fs::exists(path) && !fs::is_empty(path, error)) {
    throw UsageError(fmt::format("--out {}: not empty; --resume goes on with what is there", path));
  }
}

std::unique_ptr<Run> open_run(const RunFolder& folder, const json& given,
                              const CommonOptions& common) {
  check_new_folder(folder.path, folder.resume);
  const auto own = folder.resume ? Run::stored_options(folder.path) : std::nullopt;
  if (!own) {
    if (folder.resume && !given.contains("data")) {
      throw UsageError(fmt::format(
          "--resume: {} holds no run to go on with; to begin one there, name its --data",
          folder.path));
    }
    if (folder.resume) check_holds_no_other(folder.path);
    return std::make_unique<Run>(folder.path, RunOptions::from_json(given), folder.workers,
                                 *folder.group);
  }
  const json changes = changes_of(given, *own, folder.path);
  if (Run::has_checkpoint(folder.path)) return go_on(folder, *own, changes, common);
  check_never_saved(folder.path);
  say(fmt::format("{} has no checkpoint yet: the run begins again, with the options of its "
                  "config.json",
                  folder.path),
      common);
  json options = own->to_json();
  options.merge_patch(changes);
  return std::make_unique<Run>(folder.path, RunOptions::from_json(std::move(options)),
                               folder.workers, *folder.group);
}

std::optional<json> finished_result(const RunFolder& folder, const json& given) {
  if (!folder.resume || !fs::exists(result_file(folder))) return std::nullopt;
  const auto own = Run::stored_options(folder.path);
  if (!own || changes_of(given, *own, folder.path).contains("epochs")) return std::nullopt;
  const std::vector<std::byte> bytes = read_file(result_file(folder), kMaxResultBytes);
  json result = try_parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const bool whole = result.is_object() && result.value("epochs", int64_t{0}) == own->epochs;
  return whole ? std::optional(std::move(result)) : std::nullopt;
}

void write_result(const RunFolder& folder, const Run& run, const Evaluation& test) {
  json result = {{"epochs", run.epochs_done()},
                 {"top1", test.accuracy()},
                 {"top5", test.accuracy5()},
                 {"loss", test.loss()},
                 {"images", test.images}};
  if (run.best_epoch() > 0) result["best_epoch"] = run.best_epoch();
  if (run.best_accuracy() >= 0) result["validation_top1"] = run.best_accuracy();
  const std::string text = write_json(result, 2) + "\n";
  write_file_atomically(result_file(folder), std::as_bytes(std::span(text)));
}

}  // namespace vitrine
