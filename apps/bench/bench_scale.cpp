#include "apps/bench/bench_scale.hpp"

#include <fmt/format.h>

#include <memory>

#include "apps/bench/measure_scale.hpp"
#include "apps/command_line/command.hpp"
#include "apps/terminal/print.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "models/networks/network.hpp"
#include "models/training/group.hpp"

namespace vitrine {
namespace {

constexpr double kKept = 0.95;

struct Options {
  ScaleBench bench;
  double image_ms = 0;
  double gbits = 0;
  ScaleLink link;
};

ScaleMeasured measure(const Options& o, Group& group, uint64_t seed) {
  if (o.image_ms == 0) return measure_scale(o.bench, group, seed);
  ScaleMeasured m;
  m.work.image_seconds = 1e-3 * o.image_ms;  // and the rest is little
  m.work.parameters = network_config(o.bench.model)->parameters();
  m.work.shards = o.bench.shards;
  return m;
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

void print_time(const char* who, const ScaleTime& t) {
  print("{:>10}{:>10.1f}{:>10.1f}{:>8.1f}{:>11.1f}{:>9.1f}{:>9.1f}\n", who, 1e3 * t.total(),
        1e3 * t.compute, 1e3 * t.update, 1e3 * t.gradients, 1e3 * t.weights, 1e3 * t.gathers);
}

/// The ranks that are here, beside what is foretold of them.
void print_measured(const ScaleMeasured& m, int64_t ranks, int64_t batch) {
  const ScaleTime foretold = scale_time(m.work, m.link, ranks, batch);
  print(
      "\n{} ranks here: {:.2f} Gbit/s, {:.0f} us and {:.0f} us for each message, {:.2f} ns of "
      "computing for each byte\n",
      ranks, m.link.gbits, 1e6 * m.link.latency, 1e6 * m.link.message, 1e9 * m.link.carry);
  print("{:>10}{:>10}{:>10}{:>8}{:>11}{:>9}{:>9}\n", "ms", "update", "passes", "AdamW", "gradients",
        "weights", "gathers");
  print_time("measured", m.time);
  print_time("foretold", foretold);
  print("the foretold time is {:+.1f} % off\n", 100 * (foretold.total() / m.time.total() - 1));
  print("of {:.1f} ms that gradients travel, {:.1f} are waited for after backward\n",
        1e3 * foretold.travel, 1e3 * m.time.gradients);
  print("{:.1f} images/s together, {:.1f} each for itself: {:.1f} %\n", m.together, m.alone,
        100 * m.together / m.alone);
  const auto mib = [](int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  const int64_t weights = 4 * m.work.parameters;
  const int64_t terms = 2 * weights + 2 * weights / ranks + m.passes_bytes;
  print(
      "MiB: weights {:.1f}, gradients {:.1f}, moments {:.1f} / {}, passes {:.1f}: {:.1f}; at most "
      "{:.1f} here, {:.1f} more\n",
      mib(weights), mib(weights), mib(2 * weights), ranks, mib(m.passes_bytes), mib(terms),
      mib(m.peak_bytes), mib(m.peak_bytes - terms));
}

nlohmann::json json_of(const ScaleTime& t) {
  return {{"ms", 1e3 * t.total()},         {"passes_ms", 1e3 * t.compute},
          {"update_ms", 1e3 * t.update},   {"gradients_ms", 1e3 * t.gradients},
          {"weights_ms", 1e3 * t.weights}, {"gathers_ms", 1e3 * t.gathers}};
}

nlohmann::json json_of(const ScaleMeasured& m, int64_t ranks, int64_t batch) {
  return {{"ranks", ranks},
          {"gbits", m.link.gbits},
          {"latency_us", 1e6 * m.link.latency},
          {"message_us", 1e6 * m.link.message},
          {"carry_ns", 1e9 * m.link.carry},
          {"images_per_s_alone", m.alone},
          {"images_per_s_together", m.together},
          {"together", json_of(m.time)},
          {"foretold", json_of(scale_time(m.work, m.link, ranks, batch))},
          {"parameters", m.work.parameters},
          {"passes_bytes", m.passes_bytes},
          {"peak_bytes", m.peak_bytes}};
}

int run(const Options& o, const CommonOptions& common) {
  Group& group = launched_group();
  const ScaleMeasured m = measure(o, group, common.seed);
  const ScaleWork& work = m.work;
  const int64_t batch = o.bench.batch;
  std::vector<double> links = {1, 10, 100};
  if (o.gbits > 0) links = {o.gbits};
  if (common.json) {
    nlohmann::json rows = nlohmann::json::array();
    for (const double gbits : links) {
      ScaleLink link = o.link;
      link.gbits = gbits;
      for (int64_t ranks = 1; ranks <= 1024; ranks *= 2) {
        const ScaleTime t = scale_time(work, link, ranks, batch);
        rows.push_back({{"gbits", gbits},
                        {"ranks", ranks},
                        {"ms", 1e3 * t.total()},
                        {"network_ms", 1e3 * t.network()},
                        {"efficiency", scale_efficiency(work, link, ranks, batch)},
                        {"batch_95", scale_batch(work, link, ranks, kKept)}});
      }
    }
    nlohmann::json out = {{"model", o.bench.model}, {"batch", batch}, {"updates", rows}};
    if (group.size() > 1) out["here"] = json_of(m, group.size(), batch);
    print_json(out);
    return 0;
  }
  print(
      "{}, {} parameters, {} images on each rank: {:.2f} ms each, {:.1f} ms for an update ({} "
      "threads, {})\n",
      o.bench.model, work.parameters, batch, 1e3 * work.image_seconds, 1e3 * work.update_seconds,
      threads(), isa_name(active_isa()));
  if (group.size() > 1) print_measured(m, group.size(), batch);
  for (const double gbits : links) {
    ScaleLink link = o.link;
    link.gbits = gbits;
    print_link(work, link, batch);
  }
  return 0;
}

}  // namespace

void add_bench_scale(CLI::App& parent) {
  auto o = std::make_shared<Options>();
  auto latency = std::make_shared<double>(1e6 * o->link.latency);
  CLI::App& command = add_command(
      parent, "scale", "training by 1 to 1024 ranks, foretold; under mpirun measured too",
      [o, latency](const CommonOptions& common) {
        o->link.latency = 1e-6 * *latency;
        return run(*o, common);
      });
  add_option(command, "--model", o->bench.model, "name of a model").show_default();
  add_option(command, "--batch", o->bench.batch, "images on each rank")
      .range(1, 100000)
      .show_default();
  add_option(command, "--shards", o->bench.shards, "that each rank cuts them into")
      .range(1, 1024)
      .show_default();
  add_option(command, "--seconds", o->bench.seconds, "how long to measure a step")
      .positive()
      .show_default();
  add_option(command, "--image-ms", o->image_ms,
             "milliseconds of an image, as measured elsewhere, instead of measuring");
  add_option(command, "--gbits", o->gbits, "of a node's link, instead of 1, 10 and 100");
  add_option(command, "--latency-us", *latency, "of a message, in microseconds").show_default();
  add_option(command, "--ranks-a-node", o->link.ranks_a_node, "that share its link")
      .range(1, 1024)
      .show_default();
}

}  // namespace vitrine
