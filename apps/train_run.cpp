#include "apps/train_run.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "apps/curves.hpp"
#include "apps/draw_confusion_matrix.hpp"
#include "apps/draw_mistakes.hpp"
#include "apps/format_duration.hpp"
#include "apps/progress.hpp"
#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/json_text.hpp"
#include "core/memory.hpp"

namespace vitrine {
namespace {

/// Refuses options that are not those of the run that is to go on.
void check_same(const nlohmann::json& given, const RunOptions& options) {
  const auto stored = parse_json(options.to_json());
  nlohmann::json wanted = stored;
  wanted.merge_patch(given);
  // What is unknown, or impossible, is refused as it would be for a new run.
  RunOptions::from_json(write_json(wanted));
  for (const auto& [key, value] : stored.items()) {
    if (wanted.at(key) != value) {
      throw UsageError(fmt::format("--resume: this run has {} = {}, not {}; start another --out",
                                   key, write_json(value), write_json(wanted.at(key))));
    }
  }
}

constexpr double kMuchWaiting = 0.03;  // of an epoch's time: what preparing pictures may cost

/// What the pictures cost beyond training: decoding of files, and waiting, if it is much.
std::string time_of_pictures(const RunObserver::Epoch& e) {
  const LoaderTimes& t = e.pictures;
  std::string text;
  if (t.decoding > 0) text += fmt::format("  decoding {:.1f} s of CPU", t.decoding);
  if (t.waiting > kMuchWaiting * e.seconds) {
    text += fmt::format("  waiting for pictures {:.1f} s (--workers)", t.waiting);
  }
  return text;
}

}  // namespace

void check_new_folder(const std::string& path, bool resume) {
  std::error_code error;
  if (!resume && std::filesystem::exists(path) && !std::filesystem::is_empty(path, error)) {
    throw UsageError(fmt::format("--out {}: not empty; --resume goes on with what is there", path));
  }
}

std::unique_ptr<Run> open_run(const RunFolder& folder, const nlohmann::json& given,
                              const CommonOptions& common) {
  if (folder.resume && Run::has_checkpoint(folder.path)) {
    nlohmann::json changes = nlohmann::json::object();
    for (const char* key : kChangeableOptions) {
      if (given.contains(key)) changes[key] = given[key];
    }
    std::unique_ptr<Run> run = Run::resume(folder.path, folder.workers, write_json(changes));
    check_same(given, run->options());
    if (!common.quiet && run->checkpoint_isa() != isa_name(active_isa())) {
      fmt::print(
          stderr,
          "vitrine: the checkpoint was written with {}, this runs {}: the result will not be "
          "bit-identical; --isa {} would keep it so\n",
          run->checkpoint_isa(), isa_name(active_isa()), run->checkpoint_isa());
    }
    return run;
  }
  check_new_folder(folder.path, folder.resume);
  return std::make_unique<Run>(folder.path, RunOptions::from_json(write_json(given)),
                               folder.workers);
}

bool train_with_progress(Run& run, const RunFolder& folder, bool quiet, const RunPart& part) {
  const int64_t per_epoch = run.train_images();
  const int64_t per_run = per_epoch * run.options().epochs;
  const int64_t before = part.index * per_run;
  const std::string which =
      part.count == 1 ? "" : fmt::format("{}/{} {}  ", part.index + 1, part.count, part.name);
  const auto label = [&](int64_t epoch) {
    return fmt::format("{}epoch {}/{}", which, epoch + 1, run.options().epochs);
  };
  Progress progress(part.count * per_run, label(run.epochs_done()), quiet, "images",
                    before + run.images_done());
  RunObserver observer;
  observer.stop = interrupted;
  observer.step = [&](const RunObserver::Step& s) {
    const int64_t done = before + s.epoch * per_epoch + s.step * s.images;
    progress.update(done, fmt::format("loss {:.4f}  accuracy {:.2f} %", s.loss, 100 * s.accuracy));
  };
  observer.epoch = [&](const RunObserver::Epoch& e) {
    progress.note(
        fmt::format("{}epoch {:>{}}/{}  loss {:.4f}  accuracy {:.2f} %  "
                    "validation loss {:.4f}  accuracy {:.2f} %{}  {}{}",
                    which, e.epoch + 1, std::to_string(e.epochs).size(), e.epochs, e.loss,
                    100 * e.accuracy, e.validation.loss(), 100 * e.validation.accuracy(),
                    e.best ? "  best" : "", format_duration(e.seconds), time_of_pictures(e)));
    write_png(folder.path + "/curves.png", draw_curves(folder.path + "/metrics.jsonl"));
    trim_heap();
    progress.relabel(label(std::min(e.epoch + 1, e.epochs - 1)));
    progress.resume();
  };
  const bool finished = run.train(observer, folder.checkpoint_steps);
  progress.finish();
  return finished;
}

Evaluation test_run(Run& run, const RunFolder& folder, const CommonOptions& common) {
  std::vector<std::string> bad;
  const std::shared_ptr<const Dataset> data = run.test_data(bad);
  print_bad_pictures(bad, "test pictures", common);
  const Evaluation result = run.test(data);
  // Again: the run may have been killed after its last epoch, before they were whole.
  write_png(folder.path + "/curves.png", draw_curves(folder.path + "/metrics.jsonl"));
  write_png(folder.path + "/confusion.png",
            draw_confusion_matrix(result.confusion, run.model().labels));
  const Model& model = run.model();
  write_png(folder.path + "/mistakes.png",
            draw_mistakes(result, *data, model.labels, model.preprocess));
  return result;
}

}  // namespace vitrine
