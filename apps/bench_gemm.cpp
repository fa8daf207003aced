// vitrine bench gemm: matrix products beside the peak, and beside other libraries.

#include "apps/bench_gemm.hpp"

#include <fmt/format.h>

#include <memory>

#include "apps/command.hpp"
#include "apps/measure_gemm.hpp"
#include "apps/measure_peak.hpp"
#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/json_text.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

struct Options {
  int64_t m = 0, n = 0, k = 0;
  int64_t batch = 1;
  bool transpose_a = false;
  bool plain_b = false;
  std::string shapes = "default";
  double seconds = 1;
  std::vector<std::string> peers;
};

std::vector<GemmShape> shapes_of(const Options& o) {
  if (o.m == 0 && o.n == 0 && o.k == 0) return default_gemm_shapes();
  if (o.m < 1 || o.n < 1 || o.k < 1) {
    throw UsageError(
        "--m, --n and --k belong together: give all three, or none for the default shapes");
  }
  return {{"", o.m, o.n, o.k, o.transpose_a ? Trans::kYes : Trans::kNo,
           o.plain_b ? Trans::kNo : Trans::kYes, o.batch}};
}

std::string size_text(const GemmShape& s) {
  return fmt::format("{}{}x{}x{} {}{}", s.batch > 1 ? fmt::format("{} * ", s.batch) : "", s.m, s.n,
                     s.k, s.a == Trans::kNo ? "A" : "A^T", s.b == Trans::kNo ? " B" : " B^T");
}

void print(const GemmMeasurement& r) {
  fmt::print("{:<24} {}   peak {:.1f} GFLOP/s\n", size_text(r.shape), r.shape.what, r.peak_gflops);
  for (const GemmTiming& t : r.timings) {
    fmt::print(
        "  {:<24} best {:9.3f} ms  median {:9.3f} ({:.3f} - {:.3f})  {:7.1f} GFLOP/s  {:5.1f} % of "
        "peak\n",
        t.who, t.ms.best, t.ms.median, t.ms.lower, t.ms.upper, t.gflops,
        100 * t.gflops / r.peak_gflops);
  }
  std::fflush(stdout);
}

nlohmann::json to_json(const GemmMeasurement& r) {
  nlohmann::json timings = nlohmann::json::array();
  for (const GemmTiming& t : r.timings) {
    timings.push_back({{"who", t.who},
                       {"ms_best", t.ms.best},
                       {"ms_median", t.ms.median},
                       {"ms_quartiles", {t.ms.lower, t.ms.upper}},
                       {"gflops", t.gflops},
                       {"share_of_peak", t.gflops / r.peak_gflops}});
  }
  return {{"what", r.shape.what},
          {"m", r.shape.m},
          {"n", r.shape.n},
          {"k", r.shape.k},
          {"batch", r.shape.batch},
          {"transpose_a", r.shape.a == Trans::kYes},
          {"transpose_b", r.shape.b == Trans::kYes},
          {"peak_gflops", r.peak_gflops},
          {"timings", timings}};
}

int run(const Options& o, const CommonOptions& common) {
  std::vector<GemmPeer> peers;
  peers.reserve(o.peers.size());
  for (const std::string& library : o.peers) peers.emplace_back(library);
  nlohmann::json shapes = nlohmann::json::array();
  const double memory_gbs = measure_bandwidth();
  if (!common.json) {
    fmt::print("matrix products, {} threads, {}, {}; memory {:.1f} GB/s\n", threads(),
               isa_name(active_isa()), cpu_name(), memory_gbs);
    fmt::print("best, median and (quartiles) of turns taken within one run\n");
  }
  for (const GemmShape& shape : shapes_of(o)) {
    const GemmMeasurement result = measure_gemm(shape, o.seconds, peers);
    if (common.json) {
      shapes.push_back(to_json(result));
    } else {
      print(result);
    }
  }
  if (common.json) {
    const nlohmann::json out = {{"cpu", cpu_name()},
                                {"isa", isa_name(active_isa())},
                                {"threads", threads()},
                                {"memory_gbs", memory_gbs},
                                {"shapes", shapes}};
    fmt::print("{}\n", write_json(out));
  }
  return 0;
}

}  // namespace

void add_bench_gemm(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(parent, "gemm", "matrix products",
                  [options](const CommonOptions& common) { return run(*options, common); });
  const auto size = [&](const char* name, int64_t& value, const char* help) {
    add_option(command, name, value, help).range(int64_t{1}, int64_t{1} << 20);
  };
  size("--m", options->m, "rows of the result");
  size("--n", options->n, "columns of the result");
  size("--k", options->k, "length of the sums");
  size("--batch", options->batch, "products side by side, with --m");
  add_flag(command, "--transpose-a", options->transpose_a, "A lies transposed, as for dW");
  add_flag(command, "--plain-b", options->plain_b, "B lies as it is read, not as a weight");
  // One list so far; --m, --n and --k replace it.
  add_option(command, "--shapes", options->shapes, "default: those of ViT-B/16 and ViT-Ti/16")
      .one_of({"default"})
      .show_default();
  add_option(command, "--seconds", options->seconds, "how long to measure each shape")
      .positive()
      .show_default();
  add_option(command, "--peer", options->peers, "a library with cblas_sgemm or dnnl_sgemm");
}

}  // namespace vitrine
