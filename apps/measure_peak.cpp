#include "apps/measure_peak.hpp"

#include <algorithm>
#include <chrono>

#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/peak.hpp"

namespace vitrine {

double measure_peak(double seconds) {
  using Clock = std::chrono::steady_clock;
  const kernels::Peak& peak = *kernels::active().peak;
  const int64_t n = threads();
  const auto run = [&](int64_t steps) {
    volatile float sink = 0;
    const auto start = Clock::now();
    parallel_for(n, 1, [&](int64_t, int64_t) { sink = peak.run(steps); });
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  // Long enough that starting the threads costs nothing, short enough to catch a fast moment.
  constexpr double kRun = 0.002;
  int64_t steps = 1000;
  double best = 0;
  const auto start = Clock::now();
  do {
    const double time = run(steps);
    best = std::max(best, static_cast<double>(n * steps * peak.flops_per_step) / time);
    // A run that was interrupted looks long, so later ones may still find that they are too short.
    if (time < kRun) steps *= 2;
  } while (std::chrono::duration<double>(Clock::now() - start).count() < seconds);
  return best / 1e9;
}

}  // namespace vitrine
