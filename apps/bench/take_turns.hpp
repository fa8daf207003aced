#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/bench/measure_time.hpp"

namespace vitrine {

/// One of those that do the same amount of work, to be compared.
struct Contestant {
  std::string who;
  std::function<void()> call;
};

struct Timing {
  std::string who;
  Times ms;           ///< of a call
  double gflops = 0;  ///< at ms.best
};

struct Turns {
  double peak_gflops = 0;  ///< best of those measured in between
  std::vector<Timing> timings;
};

/// Times calls of `flops` operations for about `seconds`, everybody in turn, the peak among them:
/// on a shared machine only what was measured side by side can be compared.
Turns take_turns(const std::vector<Contestant>& contestants, double flops, double seconds);

}  // namespace vitrine
