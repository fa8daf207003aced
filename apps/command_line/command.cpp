#include "apps/command_line/command.hpp"

#include <fmt/format.h>

#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>

#include "apps/terminal/print.hpp"
#include "apps/terminal/profile_table.hpp"
#include "core/interrupt.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void on_interrupt(int) { g_interrupted = 1; }

}  // namespace

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      Work work) {
  CLI::App& command = *parent.add_subcommand(name, help);
  auto common = std::make_shared<CommonOptions>();
  const std::string heading = kCommonHeading;
  add_option(command, "--threads", common->threads, "number of threads (default: all processors)")
      .range(1, kMaxThreads)
      .group(heading);
  add_flag(command, "--pin", common->pin, "each thread stays on its processor: for quiet machines")
      .group(heading);
  add_option(command, "--executor", common->executor,
             "whose threads: pool (Vitrine's own) or openmp")
      .group(heading);
  add_option(command, "--seed", common->seed, "seed of everything random").group(heading);
  add_option(command, "--isa", common->isa,
             "reference, sse42, avx2, avx512, neon64, or one with more, such as avx2+vnni")
      .group(heading);
  add_flag(command, "--quiet,-q", common->quiet, "no progress and no remarks").group(heading);
  add_flag(command, "--json", common->json, "the result as JSON on standard output").group(heading);
  command.callback([common, &command, work = std::move(work)] {
    common->seed_given = command.count("--seed") > 0;
    if (common->threads > 0) set_threads(common->threads);
    set_pinned(common->pin);
    if (!common->executor.empty()) set_openmp(openmp_from_name(common->executor));
    if (!common->isa.empty()) set_isa(isa_from_name(common->isa));
    // What the environment asks for and cannot be is said now, not in the middle of the work.
    active_isa();
    threads();
    openmp();
    const int status = work(*common);
    if (profiling()) print_lines(stderr, profile_table(profile_rows()));
    if (status != 0) throw CLI::RuntimeError(status);
  });
  return command;
}

CLI::App& add_group(CLI::App& parent, const std::string& name, const std::string& help) {
  CLI::App& group = *parent.add_subcommand(name, help);
  group.require_subcommand(1);
  return group;
}

void print_notes(const std::vector<std::string>& notes, const CommonOptions& common) {
  if (common.quiet) return;
  for (const std::string& note : notes) print(stderr, "{}\n", note);
}

void print_bad_pictures(const std::vector<std::string>& bad, const std::string& which,
                        const CommonOptions& common) {
  constexpr size_t kNamed = 5;
  if (bad.empty() || common.quiet) return;
  print(stderr, "vitrine: {} of the {} are left out, they cannot be read\n", bad.size(), which);
  for (size_t i = 0; i < std::min(bad.size(), kNamed); ++i) print(stderr, "  {}\n", bad[i]);
  if (bad.size() > kNamed) print(stderr, "  and {} more\n", bad.size() - kNamed);
}

void add_batch_options(CLI::App& command, int64_t& batch, int& workers) {
  add_option(command, "--batch", batch, "images at a time").range(1, 100000).show_default();
  add_option(command, "--workers", workers, "threads that read and decode")
      .range(0, 64)
      .show_default();
}

void watch_interrupt() {
  struct sigaction before = {};
  sigaction(SIGINT, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;  // nohup, or started with & by a script
  struct sigaction once = {};
  once.sa_handler = on_interrupt;
  once.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &once, nullptr);
  set_interrupt_question(interrupted);
}

bool interrupted() { return g_interrupted != 0; }

}  // namespace vitrine
