#pragma once

#include <array>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/formats/file.hpp"
#include "models/data/augment.hpp"
#include "models/data/bad_pictures.hpp"
#include "models/data/loader.hpp"
#include "models/data/mix.hpp"
#include "models/inference/evaluate.hpp"
#include "models/training/group.hpp"
#include "models/training/run_data.hpp"
#include "models/training/schedule.hpp"
#include "models/training/teacher.hpp"
#include "models/training/training.hpp"
#include "models/weights/load_model.hpp"

namespace vitrine {

/// Everything that decides what a training run computes, as plain data.
struct RunOptions {
  std::string data = "fashion-mnist";
  /// Name or JSON file; "" for the architecture of `init`, or else what fits the data
  /// (default_network).
  std::string model;
  std::string init;  ///< weights to start from: whatever --model takes; "" for none
  RunWeights init_weights = RunWeights::kBest;  ///< which, where `init` is a run's folder
  int64_t image_size = 0;                       ///< pixels along a side; 0 for the model's own
  std::string resampling;  ///< of the position embedding; "" for the way of the weights' source
  int64_t epochs = 10;
  int64_t batch = 128;
  double lr = 1e-3;
  double min_lr = 1e-6;
  double warmup_lr = 1e-6;
  double warmup_epochs = 1;
  Decay schedule = Decay::kCosine;
  double decay_epochs = 30;  ///< of the step schedule
  double decay_rate = 0.1;
  UpdateOptions update;
  /// Of update.distillation, each whatever --model takes: several teach the mean of their
  /// probabilities.
  std::vector<std::string> teacher;
  Augment augment;
  Mix mix;
  int64_t repeats = 1;  ///< views of a picture in one epoch (LoaderOptions)
  BadPictures bad_pictures = BadPictures::kFail;
  /// Files are turned upright by their EXIF orientation, unless the weights of `init` have learned
  /// them as stored.
  bool exif = true;
  /// Part of the training data that chooses the best weights; 0 for none (split_validation).
  double validation = 1.0 / 12;
  uint64_t seed = 0;
  // Changes to the named model.
  std::string position;     ///< as VitConfig has it; "" for the model's own
  std::string position_at;  ///< start, every, shared; "" for the model's own
  std::string pool;         ///< token, avg; "" for the model's own
  WeightInit weight_init = WeightInit::kTimm;
  double head_bias = 0;  ///< initial bias of every class; about -log(classes) for sigmoid losses
  double drop_path = 0;
  double dropout = 0;

  /// A JSON object with every value; from_json throws UsageError on unknown keys.
  nlohmann::json to_json() const;
  static RunOptions from_json(nlohmann::json object);
  static RunOptions from_json(std::string_view text) = delete;  // it would become a JSON string
  /// The same of its text.
  static RunOptions parse(std::string_view text);
};

/// Options of config.json that may be others when a run goes on.
inline constexpr std::array<const char*, 2> kChangeableOptions = {"bad_pictures", "epochs"};

/// What a run tells while it works. All of it is for people: nothing here changes what is computed.
struct RunObserver {
  struct Step {
    int64_t epoch, epochs;  ///< the epoch under way, from 0
    int64_t step, steps;    ///< of the epoch, the one just done counted
    double loss, accuracy;  ///< means over the epoch so far
    double lr, grad_norm;
    int64_t images;  ///< in this step
    double waiting;  ///< share of the time since train() began that other ranks were waited for
  };
  struct Epoch {
    int64_t epoch, epochs;
    double loss, accuracy;  ///< training, means over the epoch
    Evaluation validation;  ///< of no images if there is no validation part
    bool best;              ///< these weights are the best so far
    double seconds;
    LoaderTimes pictures;  ///< of the training pictures
  };
  std::function<void(const Step&)> step;
  std::function<void(const Epoch&)> epoch;
  /// Asked after each step: true ends the run after a checkpoint. An Interrupted out of the
  /// validation (core/interrupt) does the same.
  std::function<bool()> stop;
};

/// A training run in a folder:
///   config.json               the options
///   checkpoint.safetensors    everything that going on needs; weights under timm's names
///   model.safetensors         the best weights so far: the highest accuracy on the validation
///   part,
///                             of equal ones the lower loss, of equal ones the later epoch; without
///                             a validation part those of the last epoch
///   metrics.jsonl             a line per stretch of steps and per epoch; epochs count from 1
/// A run that is stopped, or killed, and goes on from its checkpoint computes the same bits as one
/// that was never interrupted. Where it is cut depends on nothing: every epoch starts from
/// (seed, epoch), every mask from (seed, step). While it lives, nobody else trains in its folder.
///
/// In a group every rank has a Run of the same folder and options, and calls the same of its
/// functions in the same order. The first writes the files; the others read them, so they must see
/// the same folder. How many ranks there are changes nothing in the files, from one start to the
/// next either.
class Run {
 public:
  /// Opens data and model, fresh. Throws UsageError, IoError, FormatError.
  Run(const std::string& folder, const RunOptions& options, int workers, Group& group = alone());
  /// Goes on from the folder's checkpoint, whose options count; `changes`, a JSON object, has new
  /// values of some of kChangeableOptions. With more epochs than the run had, a learning rate that
  /// falls to the end (linear, cosine) is from the next step on that of a run of the new length.
  /// Throws as above.
  static std::unique_ptr<Run> resume(const std::string& folder, int workers,
                                     const nlohmann::json& changes, Group& group = alone());
  static bool has_checkpoint(const std::string& folder);
  /// Lines of metrics.jsonl that the checkpoint in a folder counts; 0 if there is none.
  static int64_t checkpoint_lines(const std::string& folder);
  /// The options of the run in this folder: those of its checkpoint, or else of its config.json;
  /// nothing if it has neither. Throws FormatError if they are none.
  static std::optional<RunOptions> stored_options(const std::string& folder);

  const RunOptions& options() const { return options_; }
  Model& model() { return model_; }
  /// The networks that this one learns from.
  const std::vector<Teacher>& teachers() const { return teachers_; }
  /// Name of the ISA that the checkpoint was written with; empty for a fresh run.
  const std::string& checkpoint_isa() const { return checkpoint_isa_; }
  int64_t epochs_done() const { return epoch_; }
  bool done() const { return epoch_ == options_.epochs; }
  /// On the validation part, of the weights that are kept; -1 before the first epoch's end, and
  /// without such a part.
  double best_accuracy() const { return best_accuracy_; }
  /// The epoch whose weights are kept, from 1; 0 if that is not known.
  int64_t best_epoch() const { return best_epoch_; }
  /// What the network was chosen for, if nobody has named one and the run is fresh; else "".
  const std::string& chosen_for() const { return chosen_for_; }
  /// Training images of all steps that are done.
  int64_t images_done() const;
  /// Per epoch: what fills whole steps. Which pictures are left over changes from epoch to epoch.
  int64_t train_images() const;
  /// The whole training part.
  int64_t all_train_images() const { return train_size_; }
  int64_t steps_per_epoch() const { return train_->batches() / share_.parts(); }
  int64_t validation_images() const { return validation_size_; }
  const Group& group() const { return group_; }
  /// The most memory that the process will hold, in bytes, within some per cent; what decoders of
  /// pictures take is not counted. To be asked before train(); takes some hundredths of a second.
  int64_t memory_estimate();
  /// What was left out of the data, a message each.
  const std::vector<std::string>& bad_pictures() const { return data_.bad_pictures(); }
  /// What people should know of the data, a line each.
  const std::vector<std::string>& notes() const { return data_.notes(); }
  /// Of the weights to start from and the teachers, those that have learned pictures of this run's
  /// validation part: their own was another, and the accuracy on it is too high.
  const std::vector<std::string>& learned_validation() const { return learned_validation_; }

  /// Trains to the end, or until the observer says stop. Writes a checkpoint at the end of every
  /// epoch, when told to stop, and every `checkpoint_steps` steps if that is not 0. Returns whether
  /// the end was reached. Throws Error naming the step if the loss is not finite.
  bool train(const RunObserver& observer, int64_t checkpoint_steps = 0);

  /// The test data, without what cannot be read if that is to be left out: a message for each of
  /// those goes to `bad`.
  std::shared_ptr<const Dataset> test_data(std::vector<std::string>& bad) const {
    return data_.test(model_, bad);
  }
  /// The best weights so far on `data`.
  Evaluation test(const std::shared_ptr<const Dataset>& data) const;

 private:
  /// Sums over steps, for reports.
  struct Sums {
    double loss = 0;
    int64_t correct = 0, images = 0;
    void add(const BatchResult& result);
  };

  Run(const std::string& folder, const RunOptions& options, int workers, Group& group, bool fresh);
  void begin();
  void choose_network();
  void plan_schedule();
  bool is_best(const Evaluation& validation) const;
  void keep_metrics() const;
  void check_room() const;
  void hold_out(const std::string& now);
  void build_loaders();
  void open_teachers();
  std::string teachers_fingerprint() const;
  void write_config() const;
  void restore();
  void restore_data(const TensorArchive& file);
  void agree() const;
  BatchResult train_part();
  BatchResult train_step(double lr, double& grad_norm);
  bool any_rank(bool here) const;
  Evaluation evaluate_with_all(const Network& network, Loader& own, int64_t classes) const;
  std::vector<int64_t> own_of(const std::vector<int64_t>& pictures) const;
  Evaluation validate();
  void finish_epoch(const RunObserver& observer, double seconds);
  void save_checkpoint() const;
  void write_checkpoint(const Metadata& metadata) const;
  void write_train_line(double lr, double grad_norm, double seconds);
  void write_metrics(const std::string& line);
  static constexpr const char* kConfig = "config.json";
  static constexpr const char* kMetrics = "metrics.jsonl";
  static constexpr const char* kModel = "model.safetensors";
  /// What runs of this version do in another way than older ones, which go on as they began:
  /// validation parts have pictures of every class (split_validation).
  static constexpr int kRules = 2;
  std::string path(const char* name) const { return folder_ + "/" + name; }

  std::string folder_;
  std::optional<FolderLock> lock_;  // of the folder: two runs would undo each other's work
  RunOptions options_;
  int workers_;
  Group& group_;
  BatchShare share_;
  RunData data_;
  std::vector<std::string> learned_validation_;
  Model model_;
  std::unique_ptr<Loader> train_, validation_;
  std::vector<Teacher> teachers_;
  std::unique_ptr<Training> training_;
  Schedule schedule_;
  std::string checkpoint_isa_, chosen_for_;
  std::optional<int64_t> memory_;  // the estimate
  int64_t train_size_ = 0;         // pictures of the training part
  int64_t validation_size_ = 0;

  // Where the run is. All of it is in the checkpoint.
  int64_t epoch_ = 0;
  int64_t step_ = 0;  // steps of this epoch that are done
  Sums epoch_sums_, line_sums_;
  double best_accuracy_ = -1;
  double best_loss_ = std::numeric_limits<double>::infinity();
  int64_t best_epoch_ = 0;
  int64_t lines_ = 0;  // of metrics.jsonl
  int rules_ = kRules;
};

}  // namespace vitrine
