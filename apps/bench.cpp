// vitrine bench: how fast this machine does the work, and how close that is to its limit.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/bench_conv.hpp"
#include "apps/bench_gemm.hpp"
#include "apps/bench_model.hpp"
#include "apps/command.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

int run_model(const ModelBench& bench, const CommonOptions& common) {
  const ModelBenchResult r = bench_model(bench, common.seed);
  if (common.json) {
    const nlohmann::json out = {{"model", bench.model},
                                {"batch", bench.batch},
                                {"threads", threads()},
                                {"isa", isa_name(active_isa())},
                                {"precision", bench.precision},
                                {"ms_best", r.ms.best},
                                {"ms_median", r.ms.median},
                                {"ms_quartiles", {r.ms.lower, r.ms.upper}},
                                {"gflops", r.gflops},
                                {"peak_gflops", r.peak_gflops},
                                {"memory_gbs", r.memory_gbs},
                                {"peak_rss_mib", r.peak_rss_mib},
                                {"first_answer_s", r.first_answer_s},
                                {"calls", r.calls}};
    fmt::print("{}\n", out.dump());
    return 0;
  }
  fmt::print("{} {}, batch {}, {} threads, {}, {}\n", bench.training ? "training" : "inference",
             bench.model, bench.batch, threads(), isa_name(active_isa()), cpu_name());
  fmt::print(
      "  best {:.2f} ms   median {:.2f} ms, half of {} between {:.2f} and {:.2f}   {:.1f} "
      "images/s\n",
      r.ms.best, r.ms.median, r.calls, r.ms.lower, r.ms.upper,
      1e3 * static_cast<double>(bench.batch) / r.ms.best);
  fmt::print(
      "  {:.1f} GFLOP/s, {:.1f} % of the peak of {:.1f} measured in between; memory {:.1f} GB/s\n",
      r.gflops, 100 * r.gflops / r.peak_gflops, r.peak_gflops, r.memory_gbs);
  fmt::print("  {:.0f} MiB at most, first answer after {:.2f} s\n", r.peak_rss_mib,
             r.first_answer_s);
  return 0;
}

void add_model_bench(CLI::App& parent, const char* name, const char* help, bool training) {
  auto bench = std::make_shared<ModelBench>();
  bench->training = training;
  CLI::App* command = add_command(parent, name, help, [bench](const CommonOptions& common) {
    return run_model(*bench, common);
  });
  command->add_option("--model", bench->model, "name of a model")->capture_default_str();
  command->add_option("--batch", bench->batch, "images per call")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--seconds", bench->seconds, "how long to measure")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  // One choice so far; scripts that compare programs name it.
  command->add_option("--precision", bench->precision, "f32")
      ->check(CLI::IsMember({"f32"}))
      ->capture_default_str();
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* parent = app.add_subcommand("bench", "speed, and its share of the machine's peak");
  parent->require_subcommand(1);
  add_bench_gemm(*parent);
  add_bench_conv(*parent);
  add_model_bench(*parent, "model", "a forward pass", false);
  add_model_bench(*parent, "train", "a training step", true);
}

}  // namespace vitrine
