#include "models/training/run.hpp"
#include "models/training/training_state.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>

#include "core/error.hpp"
#include "core/formats/disk_space.hpp"
#include "core/formats/file.hpp"
#include "core/interrupt.hpp"
#include "core/process_memory.hpp"
#include "core/text/json_text.hpp"
#include "models/inference/held_out.hpp"
#include "models/training/default_network.hpp"
#include "models/training/metrics_file.hpp"
#include "models/training/starting_model.hpp"
#include "models/weights/checkpoint.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

// A line of metrics.jsonl covers this many steps: enough to smooth the loss of a batch, few enough
// to draw a curve of one epoch.
constexpr int64_t kStepsPerLine = 50;

// What the program touches later whatever it trains: code, stacks, files and pictures. Measured
// with networks of 16 and of 100 MiB.
constexpr int64_t kLaterBytes = int64_t{7} << 20;

// The same with the pictures of a run's end, which come when the training's memory is given back:
// more than a very small network needs.
constexpr int64_t kPictureBytes = int64_t{15} << 20;

/// x as people want to read it; whole numbers would hide how fast a large network is.
double four_digits(double x) { return std::stod(fmt::format("{:.4g}", x)); }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Refuses an unknown network before the data are read.
RunOptions with_known_network(RunOptions options) {
  if (!options.model.empty()) network_config(options.model);
  return options;
}

BatchShare share_of(const RunOptions& options, const Group& group) {
  const ShardRange shards = shards_of(group.rank(), group.size(), options.update.shards);
  return {.shards = options.update.shards,
          .begin = shards.begin,
          .end = shards.end,
          .together = options.update.accumulate};
}

}  // namespace

void Run::Sums::add(const BatchResult& r) {
  loss += r.loss * static_cast<double>(r.images);
  correct += r.correct;
  images += r.images;
}

Run::Run(const std::string& folder, const RunOptions& options, int workers, Group& group)
    : Run(folder, options, workers, group, true) {}

Run::Run(const std::string& folder, const RunOptions& options, int workers, Group& group,
         bool fresh)
    : folder_(folder),
      options_(fresh ? with_known_network(options) : options),
      workers_(workers),
      group_(group),
      share_(share_of(options, group)),
      data_(options.data, options.bad_pictures) {
  fresh ? begin() : restore();
}

void Run::open_teachers() {
  for (const std::string& name : options_.teacher) teachers_.emplace_back(name, model_);
}

void Run::choose_network() {
  if (!options_.model.empty() || !options_.init.empty()) return;
  DefaultNetwork network = default_network(*data_.train());
  options_.model = std::move(network.name);
  chosen_for_ = std::move(network.why);
}

/// What can be refused is refused before anything is written.
void Run::begin() {
  choose_network();
  model_ = starting_model(options_, *data_.train());
  open_teachers();
  data_.leave_out_bad_pictures(model_.preprocess.channels);
  build_loaders();
  data_.check(model_);
  training_ = std::make_unique<Training>(*model_.network, options_.update, group_);
  memory_estimate();  // a rehearsal of the steps
  agree();
  if (!group_.first()) return;
  check_room();
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) throw IoError(folder_, "cannot make this folder: " + error.message());
  lock_.emplace(folder_);
  write_config();
  // A run that was killed before its first checkpoint starts again; its lines do not count.
  write_file_atomically(path(kMetrics), {});
}

/// Throws IoError if what the run will write does not fit beside what is there.
void Run::check_room() const {
  const auto bytes = [](const std::vector<NamedTensor>& tensors) {
    int64_t sum = 0;
    for (const NamedTensor& t : tensors) sum += static_cast<int64_t>(t.tensor.bytes.size());
    return sum;
  };
  const int64_t weights = bytes(model_tensors(model_));
  int64_t checkpoint = weights;
  for (const StateTensor& t : training_->state()) {
    checkpoint += t.shape.numel() * static_cast<int64_t>(sizeof(float));
  }
  // A new checkpoint stands beside the old one until it is whole.
  const bool goes_on = has_checkpoint(folder_);
  const bool one = !goes_on && options_.epochs == 1;
  int64_t needed = goes_on || one ? checkpoint : 2 * checkpoint;
  if (!std::filesystem::exists(path(kModel))) needed += weights;
  const int64_t free = free_disk_bytes(folder_);
  if (free < 0 || needed <= free) return;
  const auto mib = [](int64_t n) { return static_cast<double>(n) / (1 << 20); };
  throw IoError(folder_,
                fmt::format("No space left on device for the run's files: they take {:.1f} "
                            "MiB, {:.1f} MiB are free",
                            mib(needed), mib(free)));
}

void Run::write_config() const {
  const std::string text = write_json(options_.to_json(), 2) + "\n";
  write_file_atomically(path(kConfig), std::as_bytes(std::span(text)));
}

int64_t Run::train_images() const {
  return steps_per_epoch() * options_.update.accumulate * options_.batch;
}

int64_t Run::images_done() const {
  return epoch_ * train_images() + step_ * options_.update.accumulate * options_.batch;
}

int64_t Run::memory_estimate() {
  if (memory_) return *memory_;
  const Preprocess& p = model_.preprocess;
  const int64_t steps =
      training_->rehearse({share_.size_of(options_.batch), p.height, p.width, p.channels},
                          options_.mix.mixup > 0 || options_.mix.cutmix > 0, validation_->samples(),
                          [&](const Tensor& x) { return logits_of(teachers_, x); });
  const ProcessMemory now = process_memory();
  const int64_t batches = train_->buffer_bytes() + validation_->buffer_bytes();
  memory_ = std::max(now.peak_bytes,
                     now.resident_bytes + std::max(kPictureBytes, kLaterBytes + steps + batches));
  return *memory_;
}

/// Notes who has learned the pictures that are about to judge this run.
void Run::hold_out(const std::string& now) {
  if (has_learned(model_.held_out, now)) learned_validation_.push_back(options_.init);
  for (size_t i = 0; i < teachers_.size(); ++i) {
    if (has_learned(teachers_[i].held_out(), now)) {
      learned_validation_.push_back(options_.teacher[i]);
    }
  }
  model_.held_out = now;
}

void Run::build_loaders() {
  const RunSplit split =
      data_.split(options_.validation, options_.seed, /*every_class=*/rules_ >= 2);
  hold_out(split.held_out);
  train_size_ = static_cast<int64_t>(split.train.size());
  validation_size_ = static_cast<int64_t>(split.validation.size());
  LoaderOptions o;
  o.batch = options_.batch;
  o.share = share_;
  o.seed = options_.seed;
  o.workers = workers_;
  o.preprocess = model_.preprocess;
  o.augment = options_.augment;
  o.repeats = options_.repeats;
  train_ = std::make_unique<Loader>(data_.train(), split.train, o);
  validation_ = std::make_unique<Loader>(
      data_.validation(), own_of(split.validation),
      LoaderOptions::in_order(share_.size_of(options_.batch), workers_, model_.preprocess));
  if (steps_per_epoch() == 0) {
    const int64_t accumulate = options_.update.accumulate;
    throw UsageError(fmt::format(
        "{} training pictures do not fill one step of {}{}; take a smaller batch", train_size_,
        options_.batch, accumulate == 1 ? "" : fmt::format(" x {} (accumulate)", accumulate)));
  }
  plan_schedule();
}

void Run::plan_schedule() {
  schedule_.lr = options_.lr;
  schedule_.min_lr = options_.min_lr;
  schedule_.warmup_lr = options_.warmup_lr;
  const auto steps = static_cast<double>(steps_per_epoch());
  schedule_.warmup_steps = std::llround(options_.warmup_epochs * steps);
  schedule_.decay = options_.schedule;
  schedule_.total_steps = options_.epochs * steps_per_epoch();
  schedule_.decay_steps = std::max(1LL, std::llround(options_.decay_epochs * steps));
  schedule_.decay_rate = options_.decay_rate;
}

void Run::write_metrics(const std::string& line) {
  if (group_.first()) append_metrics(path(kMetrics), line);
  ++lines_;
}

/// Forward and backward of this rank's next part of a batch.
BatchResult Run::train_part() {
  const Batch* batch = train_->next();
  VT_CHECK(batch != nullptr);
  if (!options_.mix.active(epoch_)) {
    return training_->add_gradients(batch->images, batch->labels,
                                    logits_of(teachers_, batch->images));
  }
  Random random(options_.seed, RandomPlace::kMix, training_->part_number());
  const MixedBatch mixed =
      mix_batch(batch->images, batch->labels, data_.train()->classes(), options_.mix, random);
  return training_->add_gradients(mixed.images, mixed.targets, logits_of(teachers_, mixed.images));
}

BatchResult Run::train_step(double lr, double& grad_norm) {
  std::vector<BatchResult> parts;
  for (int64_t i = 0; i < training_->parts(); ++i) parts.push_back(train_part());
  Sums sums;
  for (const BatchResult& part : gather_lists(group_, parts)) sums.add(part);
  const BatchResult result{sums.loss / static_cast<double>(sums.images), sums.correct, sums.images};
  if (!std::isfinite(result.loss)) {
    const bool kept = std::filesystem::exists(path(kModel));
    throw Error(fmt::format(
        "step {}: the loss is {}: the steps were too large; train in another --out with a lower "
        "--lr than {} or with --clip-norm{}",
        training_->steps(), result.loss, options_.lr,
        kept ? fmt::format(", from the best weights so far with --init {}", folder_) : ""));
  }
  grad_norm = training_->update(lr);
  return result;
}

/// The line of the steps since the line before it.
void Run::write_train_line(double lr, double grad_norm, double seconds) {
  const auto n = static_cast<double>(line_sums_.images);
  const json line = {{"epoch", epoch_ + 1},
                     {"step", training_->steps()},
                     {"loss", line_sums_.loss / n},
                     {"top1", static_cast<double>(line_sums_.correct) / n},
                     {"lr", lr},
                     {"grad_norm", grad_norm},
                     {"images_per_s", four_digits(n / seconds)}};
  write_metrics(write_json(line));
  line_sums_ = {};
}

bool Run::train(const RunObserver& observer, int64_t checkpoint_steps) {
  const auto start = std::chrono::steady_clock::now();
  const double waited = group_.waited();
  while (epoch_ < options_.epochs) {
    const auto epoch_start = std::chrono::steady_clock::now();
    auto line_start = epoch_start;
    train_->start(epoch_, step_ * share_.parts());
    while (step_ < steps_per_epoch()) {
      const double lr = learning_rate(schedule_, training_->steps());
      double grad_norm = 0;
      const BatchResult result = train_step(lr, grad_norm);
      ++step_;
      epoch_sums_.add(result);
      line_sums_.add(result);
      if (step_ % kStepsPerLine == 0 || step_ == steps_per_epoch()) {
        write_train_line(lr, grad_norm, seconds_since(line_start));
        line_start = std::chrono::steady_clock::now();
      }
      if (observer.step) {
        const auto n = static_cast<double>(epoch_sums_.images);
        observer.step({epoch_, options_.epochs, step_, steps_per_epoch(), epoch_sums_.loss / n,
                       static_cast<double>(epoch_sums_.correct) / n, lr, grad_norm, result.images,
                       (group_.waited() - waited) / seconds_since(start)});
      }
      const bool last = step_ == steps_per_epoch();
      if (any_rank(observer.stop && observer.stop())) {
        save_checkpoint();
        return false;
      }
      if (checkpoint_steps > 0 && !last && training_->steps() % checkpoint_steps == 0) {
        save_checkpoint();
      }
    }
    try {
      finish_epoch(observer, seconds_since(epoch_start));
    } catch (const Interrupted&) {
      save_checkpoint();  // all steps of the epoch are done: it goes on with the validation
      return false;
    }
  }
  return true;
}

bool Run::is_best(const Evaluation& validation) const {
  if (validation.images == 0 || validation.accuracy() > best_accuracy_) return true;
  return validation.accuracy() == best_accuracy_ && validation.loss() <= best_loss_;
}

/// Evaluates the weights (their average, if there is one), keeps the best, writes the checkpoint.
void Run::finish_epoch(const RunObserver& observer, double seconds) {
  if (training_->has_average()) training_->swap_average();
  const Evaluation validation = validate();
  const bool best = is_best(validation);
  if (best) {
    if (validation.images > 0) {
      best_accuracy_ = validation.accuracy();
      best_loss_ = validation.loss();
    }
    best_epoch_ = epoch_ + 1;
    if (group_.first()) save_model(path(kModel), model_);
  }
  if (training_->has_average()) training_->swap_average();

  const LoaderTimes pictures = train_->times();
  json line = {{"epoch", epoch_ + 1},
               {"step", training_->steps()},
               {"seconds", seconds},
               {"decoding_cpu_s", pictures.decoding},
               {"preparing_cpu_s", pictures.preparing},
               {"waiting_s", pictures.waiting}};
  if (validation.images > 0) {
    line["validation_loss"] = validation.loss();
    line["validation_top1"] = validation.accuracy();
  }
  if (!bad_pictures().empty()) line["bad_pictures"] = bad_pictures().size();
  write_metrics(write_json(line));
  const auto n = static_cast<double>(std::max<int64_t>(epoch_sums_.images, 1));
  const RunObserver::Epoch report{epoch_,
                                  options_.epochs,
                                  epoch_sums_.loss / n,
                                  static_cast<double>(epoch_sums_.correct) / n,
                                  validation,
                                  best,
                                  seconds,
                                  pictures};
  epoch_sums_ = {};
  ++epoch_;
  step_ = 0;
  save_checkpoint();
  if (observer.epoch) observer.epoch(report);
}

}  // namespace vitrine
