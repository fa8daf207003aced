#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/isa.hpp"
#include "core/text/json_problem.hpp"
#include "core/text/json_text.hpp"
#include "models/training/metrics_file.hpp"
#include "models/training/run.hpp"
#include "models/training/training_state.hpp"
#include "models/weights/checkpoint.hpp"

// What a run writes so that it can go on, and how it goes on from there.

namespace vitrine {
namespace {

using nlohmann::json;

constexpr const char* kCheckpoint = "checkpoint.safetensors";
constexpr int64_t kMaxConfigBytes = int64_t{1} << 20;

/// The options in a checkpoint, whole: an older one may lack some.
json checkpoint_options(const SafetensorsFile& file) {
  const auto found = file.metadata().find("vitrine.training");
  if (found == file.metadata().end()) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      "no checkpoint of a training run: the metadata have no vitrine.training");
  }
  try {
    json options = parse_json(found->second).at("options");
    // Runs began without a word about it while training took pictures as they were stored.
    if (!options.contains("exif")) options["exif"] = false;
    return RunOptions::from_json(std::move(options)).to_json();
  } catch (const json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1,
                      "vitrine.training: " + json_problem(e));
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1, e.what());
  }
}

}  // namespace

/// Of all, in their order.
std::string Run::teachers_fingerprint() const {
  std::string all;
  for (const Teacher& teacher : teachers_) all += teacher.fingerprint();
  return all;
}

std::unique_ptr<Run> Run::resume(const std::string& folder, int workers, const json& changes,
                                 Group& group) {
  json stored = checkpoint_options(SafetensorsFile(folder + "/" + kCheckpoint));
  const json before = stored;
  stored.merge_patch(changes);
  std::unique_ptr<Run> run(new Run(folder, RunOptions::from_json(std::move(stored)), workers, group,
                                   /*fresh=*/false));
  // In the checkpoint too: whoever goes on from it does so with the same number of epochs.
  if (run->options_.epochs != before["epochs"]) run->save_checkpoint();
  if (group.first())
    run->write_config();  // whoever asked for more epochs before may have been killed between the
                          // two
  return run;
}

std::optional<RunOptions> Run::stored_options(const std::string& folder) {
  std::string path = folder + "/" + kCheckpoint;
  std::error_code ignored;
  try {
    if (has_checkpoint(folder)) {
      return RunOptions::from_json(checkpoint_options(SafetensorsFile(path)));
    }
    path = folder + "/" + kConfig;
    if (!std::filesystem::exists(path, ignored)) return std::nullopt;
    const std::vector<std::byte> bytes = read_file(path, kMaxConfigBytes);
    return RunOptions::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kBadHeader, path, -1, e.what());
  }
}

bool Run::has_checkpoint(const std::string& folder) {
  return std::filesystem::exists(folder + "/" + kCheckpoint);
}

/// Opens teachers and pictures, which must be those that the run began with.
void Run::restore_data(const TensorArchive& file) {
  const auto refuse = [&](const std::string& what) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1, what);
  };
  try {
    open_teachers();
  } catch (const UsageError& e) {
    refuse(fmt::format("the run has a teacher; {}", e.what()));
  }
  // Runs of before these were counted say nothing of them, nor of a validation part of the data.
  const json state = parse_json(file.metadata().at("vitrine.training"));
  const auto pictures = read_json_or<int64_t>(state, "pictures", 0);
  const auto judges = read_json_or<int64_t>(state, "validation_pictures", 0);
  rules_ = read_json_or(state, "rules", 1);
  try {
    data_.go_on(model_, judges > 0);
  } catch (const UsageError& e) {
    refuse(e.what());
  }
  data_.leave_out_bad_pictures(model_.preprocess.channels, pictures);
  if ((pictures > 0 && pictures != data_.pictures()) || judges != data_.validation_pictures()) {
    refuse(
        fmt::format("the run began with {} pictures, now there are {}; bring them back or start "
                    "another run",
                    pictures + judges, data_.pictures() + data_.validation_pictures()));
  }
  data_.check(model_);
  build_loaders();
}

void Run::restore() {
  if (group_.first()) lock_.emplace(folder_);
  const TensorArchive file(path(kCheckpoint));
  model_ = read_model_description(file);
  if (!options_.exif) model_.preprocess.exif = Exif::kAsStored;
  try {
    restore_data(file);
  } catch (const json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1,
                      "vitrine.training: " + json_problem(e));
  }
  load_weights(*model_.network, own_weights(file), file);
  training_ = std::make_unique<Training>(*model_.network, options_.update, group_);
  try {
    const json state = parse_json(file.metadata().at("vitrine.training"));
    read_json(state.at("epoch"), epoch_);
    read_json(state.at("step"), step_);
    const auto sums = [](const json& from) { return Sums{from.at(0), from.at(1), from.at(2)}; };
    epoch_sums_ = sums(state.at("epoch_sums"));
    line_sums_ = sums(state.at("line_sums"));
    best_accuracy_ = state.at("best_accuracy");
    best_loss_ = read_json_or(state, "best_loss", best_loss_);
    best_epoch_ = read_json_or<int64_t>(state, "best_epoch", 0);
    read_json(state.at("lines"), lines_);
    checkpoint_isa_ = state.at("isa");
    restore_state(*training_, file, read_json<int64_t>(state.at("updates")));
    if (!teachers_.empty() && state.at("teacher") != teachers_fingerprint()) {
      throw FormatError(FormatKind::kMismatch, file.path(), -1,
                        fmt::format("teacher {} is not the one that the run began with; bring that "
                                    "back or start another run",
                                    fmt::join(options_.teacher, ", ")));
    }
  } catch (const json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1,
                      "vitrine.training: " + json_problem(e));
  }
  // Pictures that were left out only now make an epoch shorter.
  if (!bad_pictures().empty()) step_ = std::min(step_, steps_per_epoch());
  if (epoch_ < 0 || epoch_ > options_.epochs || step_ < 0 || step_ > steps_per_epoch()) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1, "vitrine.training: out of range");
  }
  agree();
  if (!group_.first()) return;
  if (epoch_ < options_.epochs) check_room();
  keep_metrics();
}

int64_t Run::checkpoint_lines(const std::string& folder) {
  if (!has_checkpoint(folder)) return 0;
  const SafetensorsFile file(folder + "/" + kCheckpoint);
  const auto found = file.metadata().find("vitrine.training");
  if (found == file.metadata().end()) return 0;
  const json state = try_parse_json(found->second);
  const bool counts = state.is_object() && state.contains("lines") && state["lines"].is_number();
  return counts ? state["lines"].get<int64_t>() : 0;
}

/// Lines that were written after the checkpoint are computed again.
void Run::keep_metrics() const {
  const bool none = lines_ <= 0 && !std::filesystem::exists(path(kMetrics));
  std::vector<std::string> lines;
  if (!none) lines = read_metrics(path(kMetrics), lines_);
  lines.resize(static_cast<size_t>(std::max<int64_t>(lines_, 0)));
  std::string kept;
  bool from_zero = false;  // as older runs counted epochs
  for (size_t i = 0; i < lines.size(); ++i) {
    json values = try_parse_json(lines[i]);
    const bool counts =
        values.is_object() && values.contains("epoch") && values["epoch"].is_number();
    if (i == 0) from_zero = counts && values["epoch"] == 0;
    if (from_zero && counts) {
      values["epoch"] = values["epoch"].get<int64_t>() + 1;
      lines[i] = write_json(values);
    }
    kept += lines[i] + "\n";
  }
  write_file_atomically(path(kMetrics), std::as_bytes(std::span(kept)));
}

void Run::save_checkpoint() const {
  const auto sums = [](const Sums& s) { return json{s.loss, s.correct, s.images}; };
  json state = {{"options", options_.to_json()},
                {"isa", isa_name(active_isa())},
                {"epoch", epoch_},
                {"step", step_},
                {"updates", training_->steps()},
                {"epoch_sums", sums(epoch_sums_)},
                {"line_sums", sums(line_sums_)},
                {"best_accuracy", best_accuracy_},
                {"best_epoch", best_epoch_},
                {"lines", lines_},
                {"rules", rules_},
                {"pictures", data_.pictures()}};
  if (data_.has_validation_part()) state["validation_pictures"] = data_.validation_pictures();
  if (std::isfinite(best_loss_)) state["best_loss"] = best_loss_;
  if (!teachers_.empty()) state["teacher"] = teachers_fingerprint();
  Metadata metadata = model_metadata(model_);
  metadata["vitrine.training"] = write_json(state);
  write_checkpoint(metadata);
}

/// Each rank gives what it keeps of the state; the first writes.
void Run::write_checkpoint(const Metadata& metadata) const {
  const std::vector<StateTensor> state = training_->state();
  if (!group_.first()) {
    for (size_t i = 0; i < state.size(); ++i) training_->state_tensor(i);
    return;
  }
  std::vector<NamedTensor> tensors = model_tensors(model_);
  const size_t weights = tensors.size();
  for (const auto& [name, shape] : state) {
    tensors.push_back({name, {Dtype::kF32, {shape.dims().begin(), shape.dims().end()}, {}}});
  }
  Tensor part;
  if (lines_ > 0) sync_metrics(path(kMetrics));  // no checkpoint counts lines that can be lost
  write_safetensors(path(kCheckpoint), tensors, metadata, [&](size_t i) {
    if (i < weights) return tensors[i].tensor.bytes;
    part = training_->state_tensor(i - weights);
    return std::as_bytes(part.values());
  });
}

}  // namespace vitrine
