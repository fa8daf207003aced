#include "apps/bench/report_turns.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "apps/bench/measure_peak.hpp"
#include "apps/terminal/print.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

void print_work(const MeasuredWork& work, const Turns& turns) {
  print("{:<32} {}   peak {:.1f} GFLOP/s\n", work.size, work.what, turns.peak_gflops);
  for (const Timing& t : turns.timings) {
    print(
        "  {:<24} best {:9.3f} ms  median {:9.3f} ({:.3f} - {:.3f})  {:7.1f} GFLOP/s  {:5.1f} % of "
        "peak\n",
        t.who, t.ms.best, t.ms.median, t.ms.lower, t.ms.upper, t.gflops,
        100 * t.gflops / turns.peak_gflops);
  }
  std::fflush(stdout);
}

json to_json(const MeasuredWork& work, const Turns& turns) {
  json timings = json::array();
  for (const Timing& t : turns.timings) {
    timings.push_back({{"who", t.who},
                       {"ms_best", t.ms.best},
                       {"ms_median", t.ms.median},
                       {"ms_quartiles", {t.ms.lower, t.ms.upper}},
                       {"gflops", t.gflops},
                       {"share_of_peak", t.gflops / turns.peak_gflops}});
  }
  json out = work.values;
  out["what"] = work.what;
  out["peak_gflops"] = turns.peak_gflops;
  out["timings"] = timings;
  return out;
}

}  // namespace

void report_turns(const std::string& title, const std::vector<MeasuredWork>& works,
                  const CommonOptions& common) {
  const double memory_gbs = measure_bandwidth();
  if (!common.json) {
    print("{}, {} threads, {}, {}; memory {:.1f} GB/s\n", title, threads(), isa_name(active_isa()),
          cpu_name(), memory_gbs);
    print("best, median and (quartiles) of turns taken within one run\n");
  }
  json shapes = json::array();
  for (const MeasuredWork& work : works) {
    const Turns turns = work.measure();
    if (common.json) {
      shapes.push_back(to_json(work, turns));
    } else {
      print_work(work, turns);
    }
  }
  if (!common.json) return;
  const json out = {{"cpu", cpu_name()},
                    {"isa", isa_name(active_isa())},
                    {"threads", threads()},
                    {"memory_gbs", memory_gbs},
                    {"shapes", shapes}};
  print_json(out);
}

}  // namespace vitrine
