#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/command.hpp"
#include "models/run.hpp"

// What every command that trains does with a run's folder.

namespace vitrine {

/// Where a run is, and how it is to be trained: nothing here changes what is computed.
struct RunFolder {
  std::string path;
  bool resume = false;  ///< go on from the folder's checkpoint, if there is one
  int workers = 1;
  int64_t checkpoint_steps = 0;
};

/// Throws UsageError for a folder that holds something while nothing is to be resumed.
void check_new_folder(const std::string& path, bool resume);

/// A fresh run with the options `given` (under the names of config.json; the rest are defaults), or
/// the one to go on with, whose own options `given` may only repeat. Throws UsageError if they
/// differ, and what check_new_folder throws.
std::unique_ptr<Run> open_run(const RunFolder& folder, const nlohmann::json& given,
                              const CommonOptions& common);

/// The runs that one command trains, for the progress line.
struct RunPart {
  std::string name;   ///< "" if there is only one
  int64_t index = 0;  ///< of this run, from 0
  int64_t count = 1;
};

/// Trains with a progress line, whose rest is that of all runs of the same length, and draws
/// curves.png after every epoch; false if interrupted.
bool train_with_progress(Run& run, const RunFolder& folder, bool quiet, const RunPart& part = {});

/// The best weights on the test data; says which pictures were left out, draws curves.png,
/// confusion.png and mistakes.png.
Evaluation test_run(Run& run, const RunFolder& folder, const CommonOptions& common);

}  // namespace vitrine
