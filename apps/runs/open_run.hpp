#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "apps/command_line/command.hpp"
#include "models/training/run.hpp"

// How a run's folder is begun, and gone on with.

namespace vitrine {

/// Where a run is, and how it is to be trained: nothing here changes what is computed.
struct RunFolder {
  std::string path;
  bool resume = false;  ///< go on with the run that is there
  int workers = 1;
  int64_t checkpoint_steps = 0;
  Group* group = &alone();  ///< who trains it
};

/// Throws UsageError for a folder that holds something while nothing is to be resumed.
void check_new_folder(const std::string& path, bool resume);

/// A fresh run with the options `given` (under the names of config.json; the rest are defaults), or
/// the one to go on with, whose own options `given` may repeat; those of kChangeableOptions may be
/// others, and epochs more. A run without a checkpoint begins again with the options of its
/// config.json. Where there is nothing to go on with a run begins, but only with data that are
/// named. Throws UsageError if options differ, OptionError for impossible ones, and what
/// check_new_folder throws.
std::unique_ptr<Run> open_run(const RunFolder& folder, const nlohmann::json& given,
                              const CommonOptions& common);

/// result.json of a run that is done, if nothing that is `given` asks for more of it; nothing else.
/// Throws UsageError as open_run.
std::optional<nlohmann::json> finished_result(const RunFolder& folder, const nlohmann::json& given);

/// Writes result.json, the last file of a run: {"epochs", "best_epoch", "top1", "top5", "loss",
/// "images"}, the last four of the kept weights on the test data, and "validation_top1" where there
/// is a validation part.
void write_result(const RunFolder& folder, const Run& run, const Evaluation& test);

}  // namespace vitrine
