#include "apps/runs/train_run.hpp"

#include <fmt/format.h>

#include "apps/figures/curves.hpp"
#include "apps/figures/draw_confusion_matrix.hpp"
#include "apps/figures/draw_mistakes.hpp"
#include "apps/terminal/format_duration.hpp"
#include "apps/terminal/progress.hpp"
#include "core/interrupt.hpp"
#include "core/memory.hpp"

namespace vitrine {
namespace {

constexpr double kMuchWaiting = 0.03;  // of an epoch's time: what preparing pictures may cost

/// What the pictures cost beyond training, on a line of its own: decoding of files, and waiting, if
/// it is much; "" for pictures in memory that are there in time.
std::string time_of_pictures(const RunObserver::Epoch& e) {
  const LoaderTimes& t = e.pictures;
  std::string text;
  if (t.decoding > 0) text += fmt::format("  decoding {:.1f} s of CPU", t.decoding);
  if (t.waiting > kMuchWaiting * e.seconds) {
    text += fmt::format("  waiting for pictures {:.1f} s (--workers)", t.waiting);
  }
  return text;
}

/// Loss and accuracy, and those of the validation part where there is one.
std::string line_of(const RunObserver::Epoch& e) {
  const auto judged = [](double loss, double accuracy) {
    return fmt::format("{:.4f} {:.2f} %", loss, 100 * accuracy);
  };
  std::string line =
      fmt::format("epoch {:>{}}/{}  train {}", e.epoch + 1, std::to_string(e.epochs).size(),
                  e.epochs, judged(e.loss, e.accuracy));
  if (e.validation.images > 0) {
    line += "  validation " + judged(e.validation.loss(), e.validation.accuracy());
    if (e.best) line += "  best";
  }
  return line + "  " + format_duration(e.seconds);
}

/// To the end of the last epoch; false if interrupted.
bool train_with_progress(Run& run, const RunFolder& folder, bool quiet, const RunPart& part) {
  if (run.done()) return true;
  const int64_t per_epoch = run.train_images();
  const int64_t per_run = per_epoch * run.options().epochs;
  const int64_t before = part.index * per_run;
  const std::string which =
      part.count == 1 ? "" : fmt::format("{}/{}  ", part.index + 1, part.count);
  const auto label = [&](int64_t epoch) {
    return fmt::format("{}epoch {}/{}", which, epoch + 1, run.options().epochs);
  };
  Progress progress(part.count * per_run, label(run.epochs_done()), quiet, "images",
                    before + run.images_done());
  if (part.count > 1) progress.note(which + part.name);
  RunObserver observer;
  observer.stop = interrupted;
  observer.step = [&](const RunObserver::Step& s) {
    const int64_t done = before + s.epoch * per_epoch + s.step * s.images;
    std::string details = fmt::format("loss {:.4f}  accuracy {:.2f} %", s.loss, 100 * s.accuracy);
    if (run.group().size() > 1) details += fmt::format("  network {:.0f} %", 100 * s.waiting);
    progress.update(done, details);
  };
  if (run.group().first())
    observer.epoch = [&](const RunObserver::Epoch& e) {
      progress.note(line_of(e));
      const std::string pictures = time_of_pictures(e);
      if (!pictures.empty()) progress.note("         " + pictures);
      write_png(folder.path + "/curves.png", draw_curves(folder.path));
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
  throw_if_interrupted();
  if (!run.group().first()) return result;
  // Again: the run may have been killed after its last epoch, before they were whole.
  write_png(folder.path + "/curves.png", draw_curves(folder.path));
  write_png(folder.path + "/confusion.png",
            draw_confusion_matrix(result.confusion, run.model().labels));
  const Model& model = run.model();
  write_png(folder.path + "/mistakes.png",
            draw_mistakes(result, *data, model.labels, model.preprocess));
  throw_if_interrupted();
  write_result(folder, run, result);
  return result;
}

}  // namespace

std::optional<Evaluation> train_and_test(Run& run, const RunFolder& folder,
                                         const CommonOptions& common, const RunPart& part) {
  const bool quiet = common.quiet || common.json;
  try {
    if (!train_with_progress(run, folder, quiet, part)) return std::nullopt;
    return test_run(run, folder, common);
  } catch (const Interrupted&) {
    return std::nullopt;
  }
}

}  // namespace vitrine
