#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/json_problem.hpp"
#include "core/json_text.hpp"
#include "models/run.hpp"

// What a run writes so that it can go on, and how it goes on from there.

namespace vitrine {
namespace {

using nlohmann::json;

constexpr const char* kCheckpoint = "checkpoint.safetensors";

}  // namespace

/// Of all, in their order.
std::string Run::teachers_fingerprint() const {
  std::string all;
  for (const Teacher& teacher : teachers_) all += teacher.fingerprint();
  return all;
}

std::unique_ptr<Run> Run::resume(const std::string& folder, int workers) {
  const SafetensorsFile file(folder + "/" + kCheckpoint);
  const auto found = file.metadata().find("vitrine.training");
  if (found == file.metadata().end()) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      "no checkpoint of a training run: the metadata have no vitrine.training");
  }
  RunOptions options;
  try {
    options = RunOptions::from_json(write_json(parse_json(found->second).at("options")));
  } catch (const json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1,
                      "vitrine.training: " + json_problem(e));
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1, e.what());
  }
  return std::unique_ptr<Run>(new Run(folder, options, workers, false));
}

bool Run::has_checkpoint(const std::string& folder) {
  return std::filesystem::exists(folder + "/" + kCheckpoint);
}

void Run::restore() {
  lock_.emplace(folder_);
  const SafetensorsFile file(path(kCheckpoint));
  model_ = read_model_description(file);
  const int64_t classes = model_.network->network_config().classes;
  if (data_->classes() != classes) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      fmt::format("the run began with {} classes, {} now has {}", classes,
                                  options_.data, data_->classes()));
  }
  try {
    open_teachers();
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kMismatch, file.path(), -1,
                      fmt::format("the run has a teacher; {}", e.what()));
  }
  leave_out_bad_pictures();
  build_loaders();
  load_weights(*model_.network, file, {"optimizer/", "ema/"});
  training_ = std::make_unique<Training>(*model_.network, options_.update);
  try {
    const json state = parse_json(file.metadata().at("vitrine.training"));
    read_json(state.at("epoch"), epoch_);
    read_json(state.at("step"), step_);
    const auto sums = [](const json& from) { return Sums{from.at(0), from.at(1), from.at(2)}; };
    epoch_sums_ = sums(state.at("epoch_sums"));
    line_sums_ = sums(state.at("line_sums"));
    best_accuracy_ = state.at("best_accuracy");
    read_json(state.at("lines"), lines_);
    checkpoint_isa_ = state.at("isa");
    training_->restore(file, read_json<int64_t>(state.at("updates")));
    if (!teachers_.empty() && state.at("teacher") != teachers_fingerprint()) {
      throw FormatError(FormatKind::kMismatch, file.path(), -1,
                        fmt::format("teacher {} is not the one that the run began with; bring that "
                                    "back or start another run",
                                    fmt::join(options_.teacher, ", ")));
    }
    const int64_t pictures = read_json_or(state, "pictures", data_->size());
    if (pictures != data_->size()) {
      throw FormatError(FormatKind::kMismatch, file.path(), -1,
                        fmt::format("the run began with {} pictures, now there are {}; bring them "
                                    "back or start another run",
                                    pictures, data_->size()));
    }
  } catch (const json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1,
                      "vitrine.training: " + json_problem(e));
  }
  if (epoch_ < 0 || epoch_ > options_.epochs || step_ < 0 || step_ > steps_per_epoch()) {
    throw FormatError(FormatKind::kBadHeader, file.path(), -1, "vitrine.training: out of range");
  }
  // Lines that were written after the checkpoint are computed again.
  std::ifstream in(path(kMetrics));
  std::string kept;
  std::string line;
  for (int64_t i = 0; i < lines_ && std::getline(in, line); ++i) kept += line + "\n";
  write_file_atomically(path(kMetrics), std::as_bytes(std::span(kept)));
}

void Run::save_checkpoint() const {
  std::vector<NamedTensor> tensors = model_tensors(model_);
  for (NamedTensor& tensor : training_->state()) tensors.push_back(std::move(tensor));
  const auto sums = [](const Sums& s) { return json{s.loss, s.correct, s.images}; };
  json state = {{"options", parse_json(options_.to_json())},
                {"isa", isa_name(active_isa())},
                {"epoch", epoch_},
                {"step", step_},
                {"updates", training_->steps()},
                {"epoch_sums", sums(epoch_sums_)},
                {"line_sums", sums(line_sums_)},
                {"best_accuracy", best_accuracy_},
                {"lines", lines_},
                {"pictures", data_->size()}};
  if (!teachers_.empty()) state["teacher"] = teachers_fingerprint();
  Metadata metadata = model_metadata(model_);
  metadata["vitrine.training"] = write_json(state);
  write_safetensors(path(kCheckpoint), tensors, metadata);
}

}  // namespace vitrine
