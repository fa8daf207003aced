// vitrine bench: how fast this machine does the work, and how close that is to its limit.

#include <fmt/format.h>

#include "apps/bench/bench_conv.hpp"
#include "apps/bench/bench_gemm.hpp"
#include "apps/bench/bench_model.hpp"
#include "apps/bench/bench_scale.hpp"
#include "apps/command_line/command.hpp"
#include "apps/terminal/print.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {
namespace {

int run_model(const ModelBench& bench, const CommonOptions& common) {
  const ModelBenchResult r = bench_model(bench, common.seed);
  if (common.json) {
    nlohmann::json out = {{"model", bench.model},
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
    if (bench.training) out["memory_estimate_mib"] = r.estimated_mib;
    print_json(out);
    return 0;
  }
  print("{} {}, batch {}, {} threads, {}, {}\n", bench.training ? "training" : "inference",
        bench.model, bench.batch, threads(), isa_name(active_isa()), cpu_name());
  print(
      "  best {:.2f} ms   median {:.2f} ms, half of {} between {:.2f} and {:.2f}   {:.1f} "
      "images/s\n",
      r.ms.best, r.ms.median, r.calls, r.ms.lower, r.ms.upper,
      1e3 * static_cast<double>(bench.batch) / r.ms.best);
  print(
      "  {:.1f} GFLOP/s, {:.1f} % of the peak of {:.1f} measured in between; memory {:.1f} GB/s\n",
      r.gflops, 100 * r.gflops / r.peak_gflops, r.peak_gflops, r.memory_gbs);
  print("  {:.0f} MiB at most{}, first answer after {:.2f} s\n", r.peak_rss_mib,
        bench.training ? fmt::format(" (a rehearsal said {:.0f})", r.estimated_mib) : "",
        r.first_answer_s);
  return 0;
}

void add_model_bench(CLI::App& parent, const char* name, const char* help, bool training) {
  auto bench = std::make_shared<ModelBench>();
  bench->training = training;
  CLI::App& command = add_command(parent, name, help, [bench](const CommonOptions& common) {
    return run_model(*bench, common);
  });
  add_option(command, "--model", bench->model, "name of a model").show_default();
  add_option(command, "--batch", bench->batch, "images per call").range(1, 100000).show_default();
  add_option(command, "--seconds", bench->seconds, "how long to measure").positive().show_default();
  if (!training) {
    add_option(command, "--precision", bench->precision, "of the weights")
        .one_of({"f32", "bf16", "int8"})
        .show_default();
    return;
  }
  // One choice so far; scripts that compare programs name it.
  add_option(command, "--precision", bench->precision, "f32").one_of({"f32"}).show_default();
  add_flag(command, "--checkpoint-blocks", bench->checkpoint_blocks,
           "run each block again for its gradients instead of keeping its activations");
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App& parent = add_group(app, "bench", "speed, and its share of the machine's peak");
  add_bench_gemm(parent);
  add_bench_conv(parent);
  add_model_bench(parent, "model", "a forward pass", false);
  add_model_bench(parent, "train", "a training step", true);
  add_bench_scale(parent);
}

}  // namespace vitrine
