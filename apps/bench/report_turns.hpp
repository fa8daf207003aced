#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/bench/take_turns.hpp"
#include "apps/command_line/command.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {

/// A piece of work, before it is measured.
struct MeasuredWork {
  std::string size;       ///< on a line, for people
  std::string what;       ///< where a network has it
  nlohmann::json values;  ///< the same for scripts, an object
  std::function<Turns()> measure;
};

/// Measures one piece of work after the other and prints each as soon as it is done, beside the
/// peak, or all at the end as JSON: {"cpu", "isa", "threads", "memory_gbs", "shapes": [{values...,
/// "what", "peak_gflops", "timings"}]}. `title` is what they are, for people.
void report_turns(const std::string& title, const std::vector<MeasuredWork>& works,
                  const CommonOptions& common);

}  // namespace vitrine
