// vitrine bench gemm: matrix products beside the peak, and beside other libraries.

#include "apps/bench/bench_gemm.hpp"

#include <fmt/format.h>

#include <memory>

#include "apps/bench/measure_gemm.hpp"
#include "apps/bench/report_turns.hpp"
#include "apps/command_line/command.hpp"

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
  if (o.m == 0) return default_gemm_shapes();
  return {{"", o.m, o.n, o.k, o.transpose_a ? Trans::kYes : Trans::kNo,
           o.plain_b ? Trans::kNo : Trans::kYes, o.batch}};
}

std::string size_text(const GemmShape& s) {
  return fmt::format("{}{}x{}x{} {}{}", s.batch > 1 ? fmt::format("{} * ", s.batch) : "", s.m, s.n,
                     s.k, s.a == Trans::kNo ? "A" : "A^T", s.b == Trans::kNo ? " B" : " B^T");
}

int run(const Options& o, const CommonOptions& common) {
  std::vector<GemmPeer> peers;
  peers.reserve(o.peers.size());
  for (const std::string& library : o.peers) peers.emplace_back(library);
  std::vector<MeasuredWork> works;
  for (const GemmShape& shape : shapes_of(o)) {
    works.push_back({size_text(shape),
                     shape.what,
                     {{"m", shape.m},
                      {"n", shape.n},
                      {"k", shape.k},
                      {"batch", shape.batch},
                      {"transpose_a", shape.a == Trans::kYes},
                      {"transpose_b", shape.b == Trans::kYes}},
                     [&peers, shape, &o] { return measure_gemm(shape, o.seconds, peers); }});
  }
  report_turns("matrix products", works, common);
  return 0;
}

}  // namespace

void add_bench_gemm(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(parent, "gemm", "matrix products",
                  [options](const CommonOptions& common) { return run(*options, common); });
  const auto size = [&](const char* name, int64_t& value, const char* help) {
    return add_option(command, name, value, help).range(1, 1 << 20);
  };
  Option m = size("--m", options->m, "rows of the result");
  Option n = size("--n", options->n, "columns of the result");
  Option k = size("--k", options->k, "length of the sums");
  m.needs(n).needs(k);
  n.needs(m).needs(k);
  k.needs(m).needs(n);
  size("--batch", options->batch, "products side by side").needs(m);
  add_flag(command, "--transpose-a", options->transpose_a, "A lies transposed, as for dW").needs(m);
  add_flag(command, "--plain-b", options->plain_b, "B lies as it is read, not as a weight")
      .needs(m);
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
