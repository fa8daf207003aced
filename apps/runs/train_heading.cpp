#include "apps/runs/train_heading.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/terminal/print.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "core/process_memory.hpp"

namespace vitrine {
namespace {

// With fewer, the accuracy of an epoch is off by a tenth or so: sqrt(1/4 / 30).
constexpr int64_t kFewPictures = 30;

/// "3.1 GiB", or below one "310 MiB".
std::string format_memory(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

void print_line(const std::string& text) { print_wrapped(stdout, text); }

void warn(const std::string& text) { print_wrapped(stderr, "vitrine: " + text); }

/// What an epoch sees.
std::string pictures_of(const Run& run) {
  const int64_t all = run.all_train_images();
  const int64_t validation = run.validation_images();
  // What does not fill a step is another part each time.
  return run.train_images() == all
             ? fmt::format("{} training and {} validation images", all, validation)
             : fmt::format("{} training images, {} of them in each epoch; {} validation images",
                           all, run.train_images(), validation);
}

std::string steps_of(const Run& run) {
  const RunOptions& o = run.options();
  const int64_t steps = run.steps_per_epoch();
  const int64_t accumulate = o.update.accumulate;
  return fmt::format("{} epoch{} of {} step{} of {}{}", o.epochs, o.epochs == 1 ? "" : "s", steps,
                     steps == 1 ? "" : "s", o.batch,
                     accumulate == 1 ? "" : fmt::format(" x {}", accumulate));
}

void print_teachers(const Run& run) {
  if (run.teachers().empty()) return;
  const RunOptions& o = run.options();
  const Distillation& d = o.update.distillation;
  print("{} distillation, share {}, from {}\n", d.kind == DistillationKind::kSoft ? "soft" : "hard",
        d.alpha, fmt::format("{}", fmt::join(o.teacher, " and ")));
  for (const Teacher& teacher : run.teachers()) {
    for (const std::string& note : teacher.notes()) print("{}\n", note);
  }
}

/// What to do if the run needs more memory than there is.
void warn_of_memory(Run& run) {
  const int64_t memory = run.memory_estimate();
  const int64_t limit = memory_limit();
  if (limit == 0 || memory <= limit) return;
  const UpdateOptions& update = run.options().update;
  warn(
      fmt::format("the run needs about {} of memory, there are {}: take a smaller --batch with a "
                  "larger --accumulate{}",
                  format_memory(memory), format_memory(limit),
                  update.checkpoint_blocks ? "" : ", or --checkpoint-blocks"));
}

/// Whether there is something to choose the best weights by.
void warn_of_validation(const Run& run) {
  const int64_t images = run.validation_images();
  const double part = run.options().validation;
  if (images == 0 && part > 0) {
    warn(
        fmt::format("no validation pictures: --validation {:.3g} of the data has not one for each "
                    "class, so the weights of the last epoch are kept",
                    part));
  } else if (images > 0 && images < kFewPictures) {
    warn(
        fmt::format("only {} validation pictures: which epoch is the best is much a matter of "
                    "chance; those of the last are to be had too (--weights last)",
                    images));
  }
}

/// Whose knowledge makes the validation part look too good.
void warn_of_learned_validation(const Run& run) {
  if (run.learned_validation().empty()) return;
  warn(
      fmt::format("{} learned pictures of this run's validation part, whose accuracy will be too "
                  "high: take the --seed and --validation of that training",
                  fmt::join(run.learned_validation(), " and ")));
}

}  // namespace

void print_heading(Run& run) {
  const NetworkConfig& c = run.model().network->network_config();
  const RunOptions& o = run.options();
  const bool described = o.model.starts_with('{');  // by the recipe
  print_line(fmt::format("{}{}{} on {}: {} parameters", described ? "network" : o.model,
                         o.model.empty() || o.init.empty() ? "" : " from ", o.init, o.data,
                         c.parameters()));
  if (described) print_line(c.summary());
  if (!run.chosen_for().empty()) {
    print_line(fmt::format("chosen for {}; --model names another", run.chosen_for()));
  }
  if (run.model().preprocess.exif == Exif::kAsStored) {
    print_line("pictures are seen as stored, without their EXIF orientation");
  }
  print_line(pictures_of(run));
  print_line(
      fmt::format("{}; about {} of memory", steps_of(run), format_memory(run.memory_estimate())));
  print_line(fmt::format("{}, {} threads, {}", isa_name(active_isa()), threads(), cpu_name()));
  print_teachers(run);
  if (!run.done() && run.validation_images() > 0) {
    print_line("each epoch: loss and accuracy in training, then of the validation part");
  }
  std::fflush(stdout);
}

void print_warnings(Run& run) {
  warn_of_memory(run);
  warn_of_validation(run);
  warn_of_learned_validation(run);
}

}  // namespace vitrine
