#include "apps/bench/bench_scale.hpp"

#include <fmt/format.h>

#include <memory>

#include "apps/bench/bench_model.hpp"
#include "apps/bench/scale_model.hpp"
#include "apps/command_line/command.hpp"
#include "apps/terminal/print.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "models/networks/network.hpp"

namespace vitrine {
namespace {

constexpr double kKept = 0.95;
constexpr double kAdamWBytes = 28;  // read and written for each parameter

struct ScaleBench {
  std::string model = "vit_small_patch16_224";
  int64_t batch = 8;
  double seconds = 2;
  double image_ms = 0;
  double gbits = 0;
  ScaleLink link;
};

ScaleWork work_of(const ScaleBench& bench, uint64_t seed) {
  ScaleWork work;
  work.parameters = network_config(bench.model)->parameters();
  if (bench.image_ms > 0) {
    work.image_seconds = 1e-3 * bench.image_ms;
    return work;
  }
  const ModelBenchResult r = bench_model(
      {.model = bench.model, .batch = bench.batch, .seconds = bench.seconds, .training = true},
      seed);
  work.update_seconds = kAdamWBytes * static_cast<double>(work.parameters) / (1e9 * r.memory_gbs);
  work.image_seconds =
      (1e-3 * r.ms.median - work.update_seconds) / static_cast<double>(bench.batch);
  return work;
}

void print_link(const ScaleWork& work, const ScaleLink& link, int64_t batch) {
  print("\n{} Gbit/s, {:.0f} us\n", link.gbits, 1e6 * link.latency);
  print("{:>7}{:>14}{:>12}{:>12}{:>13}{:>22}\n", "ranks", "update, ms", "network", "speed-up",
        "efficiency", "batch that keeps 95 %");
  for (int64_t ranks = 1; ranks <= 1024; ranks *= 2) {
    const ScaleTime t = scale_time(work, link, ranks, batch);
    const double kept = scale_efficiency(work, link, ranks, batch);
    const int64_t enough = scale_batch(work, link, ranks, kKept);
    print("{:>7}{:>14.1f}{:>10.0f} %{:>12.1f}{:>11.1f} %{:>22}\n", ranks, 1e3 * t.total(),
          100 * t.network() / t.total(), kept * static_cast<double>(ranks), 100 * kept,
          enough == 0 ? "none" : std::to_string(enough));
  }
}

int run(const ScaleBench& bench, const CommonOptions& common) {
  const ScaleWork work = work_of(bench, common.seed);
  std::vector<double> links = {1, 10, 100};
  if (bench.gbits > 0) links = {bench.gbits};
  if (common.json) {
    nlohmann::json rows = nlohmann::json::array();
    for (const double gbits : links) {
      ScaleLink link = bench.link;
      link.gbits = gbits;
      for (int64_t ranks = 1; ranks <= 1024; ranks *= 2) {
        const ScaleTime t = scale_time(work, link, ranks, bench.batch);
        rows.push_back({{"gbits", gbits},
                        {"ranks", ranks},
                        {"ms", 1e3 * t.total()},
                        {"network_ms", 1e3 * t.network()},
                        {"efficiency", scale_efficiency(work, link, ranks, bench.batch)},
                        {"batch_95", scale_batch(work, link, ranks, kKept)}});
      }
    }
    print_json({{"model", bench.model}, {"batch", bench.batch}, {"updates", rows}});
    return 0;
  }
  print(
      "{}, {} parameters, {} images on each rank: {:.2f} ms each, {:.1f} ms for an update ({} "
      "threads, {})\n",
      bench.model, work.parameters, bench.batch, 1e3 * work.image_seconds,
      1e3 * work.update_seconds, threads(), isa_name(active_isa()));
  for (const double gbits : links) {
    ScaleLink link = bench.link;
    link.gbits = gbits;
    print_link(work, link, bench.batch);
  }
  return 0;
}

}  // namespace

void add_bench_scale(CLI::App& parent) {
  auto bench = std::make_shared<ScaleBench>();
  auto latency = std::make_shared<double>(1e6 * bench->link.latency);
  CLI::App& command = add_command(parent, "scale", "training by 1 to 1024 ranks, foretold",
                                  [bench, latency](const CommonOptions& common) {
                                    bench->link.latency = 1e-6 * *latency;
                                    return run(*bench, common);
                                  });
  add_option(command, "--model", bench->model, "name of a model").show_default();
  add_option(command, "--batch", bench->batch, "images on each rank")
      .range(1, 100000)
      .show_default();
  add_option(command, "--seconds", bench->seconds, "how long to measure a step")
      .positive()
      .show_default();
  add_option(command, "--image-ms", bench->image_ms,
             "milliseconds of an image, as measured elsewhere, instead of measuring");
  add_option(command, "--gbits", bench->gbits, "of a node's link, instead of 1, 10 and 100");
  add_option(command, "--latency-us", *latency, "of a message, in microseconds").show_default();
  add_option(command, "--ranks-a-node", bench->link.ranks_a_node, "that share its link")
      .range(1, 1024)
      .show_default();
}

}  // namespace vitrine
