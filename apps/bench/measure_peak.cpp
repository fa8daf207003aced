#include "apps/bench/measure_peak.hpp"

#include <algorithm>

#include "apps/bench/measure_time.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gemm_int8.hpp"
#include "ops/kernels/peak.hpp"

namespace vitrine {

namespace {

/// Operations per second, in 10^9, of run(steps) on all threads.
template <class Run>
double measure(double seconds, int64_t per_step, const Run& run) {
  const int64_t n = threads();
  // Long enough that starting the threads costs nothing, short enough to catch a fast moment. How
  // many steps that are, this thread finds alone: where a worker has to wait for its processor,
  // the shortest run looks long.
  constexpr double kRun = 0.002;
  constexpr int64_t kFewSteps = 1000;
  double few = kRun;
  for (int i = 0; i < 10; ++i) {
    const auto begin = Clock::now();
    run(kFewSteps);
    few = std::min(few, since(begin));
  }
  const auto steps = static_cast<int64_t>(kFewSteps * kRun / few);
  double best = 0;
  const auto start = Clock::now();
  do {
    const auto begin = Clock::now();
    parallel_for(n, 1, [&](int64_t, int64_t) { run(steps); });
    best = std::max(best, static_cast<double>(n * steps * per_step) / since(begin));
  } while (since(start) < seconds);
  return best / 1e9;
}

double measure(double seconds, const kernels::Peak& peak) {
  return measure(seconds, peak.flops_per_step, [&](int64_t steps) {
    volatile float sink = peak.run(steps);  // so that it is not left out
    static_cast<void>(sink);
  });
}

}  // namespace

double measure_peak(double seconds) { return measure(seconds, *kernels::active().peak); }

double measure_bf16_peak(double seconds) {
  const kernels::Peak* peak = kernels::narrow_of(active_isa()).peak_bf16;
  return peak == nullptr ? measure_peak(seconds) : measure(seconds, *peak);
}

double measure_int8_peak(double seconds) {
  const kernels::GemmInt8& kernel = *kernels::narrow_of(active_isa()).gemm_int8;
  return measure(seconds, kernel.ops_per_step, [&](int64_t steps) {
    volatile int32_t sink = kernel.peak(steps);
    static_cast<void>(sink);
  });
}

double measure_bandwidth() {
  constexpr double kSeconds = 0.1;
  constexpr int64_t kFloats = int64_t{16} << 20;  // 64 MiB for each thread
  const kernels::Peak& peak = *kernels::active().peak;
  const int64_t n = threads();
  const Buffer buffer = scratch_floats(n * kFloats);
  parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    std::fill(buffer.floats() + begin * kFloats, buffer.floats() + end * kFloats, 1.0F);
  });
  volatile float sink = 0;
  double best = 0;
  const auto start = Clock::now();
  do {
    const auto begin = Clock::now();
    parallel_for(n, 1, [&](int64_t i, int64_t) {
      sink = peak.read(buffer.floats() + i * kFloats, kFloats);
    });
    best = std::max(best, static_cast<double>(buffer.bytes()) / since(begin));
  } while (since(start) < kSeconds);
  return best / 1e9;
}

}  // namespace vitrine
