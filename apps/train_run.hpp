#pragma once

#include <string>

#include "apps/open_run.hpp"

// What every command that trains does with a run's folder.

namespace vitrine {

/// The runs that one command trains, for the progress line.
struct RunPart {
  std::string name;   ///< "" if there is only one
  int64_t index = 0;  ///< of this run, from 0
  int64_t count = 1;
};

/// Trains with a progress line, whose rest is that of all runs of the same length, and draws
/// curves.png after every epoch; false if interrupted.
bool train_with_progress(Run& run, const RunFolder& folder, bool quiet, const RunPart& part = {});

/// The kept weights on the test data; says which pictures were left out, draws curves.png,
/// confusion.png and mistakes.png, and writes result.json last.
Evaluation test_run(Run& run, const RunFolder& folder, const CommonOptions& common);

}  // namespace vitrine
