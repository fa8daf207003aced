#pragma once

#include <optional>
#include <string>

#include "apps/runs/open_run.hpp"

// What every command that trains does with a run's folder.

namespace vitrine {

/// The runs that one command trains, for the progress line.
struct RunPart {
  std::string name;   ///< "" if there is only one
  int64_t index = 0;  ///< of this run, from 0
  int64_t count = 1;
};

/// Trains with a progress line, whose rest is that of all runs of the same length, and draws
/// curves.png after every epoch; then judges the kept weights on the test data, says which pictures
/// were left out, draws curves.png, confusion.png and mistakes.png, and writes result.json last.
/// What they came to; nothing if interrupted: going on does what is left.
std::optional<Evaluation> train_and_test(Run& run, const RunFolder& folder,
                                         const CommonOptions& common, const RunPart& part = {});

}  // namespace vitrine
