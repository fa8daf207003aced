#include "apps/command.hpp"

#include <fmt/format.h>

#include <csignal>

#include "apps/profile_table.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void on_interrupt(int) {
  g_interrupted = 1;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      Work work) {
  CLI::App* command = parent.add_subcommand(name, help);
  auto common = std::make_shared<CommonOptions>();
  const std::string group = "Common";
  command->add_option("--threads", common->threads, "number of threads (default: all processors)")
      ->check(CLI::Range(1, 1024))
      ->group(group);
  command->add_flag("--pin", common->pin, "each thread stays on its processor: for quiet machines")
      ->group(group);
  command->add_option("--seed", common->seed, "seed of everything random")->group(group);
  command->add_option("--isa", common->isa, "reference, sse42, avx2, avx512 or neon64")
      ->group(group);
  command->add_flag("--quiet,-q", common->quiet, "no progress and no remarks")->group(group);
  command->add_flag("--json", common->json, "the result as JSON on standard output")->group(group);
  command->callback([common, work = std::move(work)] {
    if (common->threads > 0) set_threads(common->threads);
    set_pinned(common->pin);
    if (!common->isa.empty()) set_isa(isa_from_name(common->isa));
    active_isa();  // an impossible VITRINE_ISA is said now, not in the middle of the work
    const int status = work(*common);
    if (profiling()) fmt::print(stderr, "{}", profile_table(profile_rows()));
    if (status != 0) throw CLI::RuntimeError(status);
  });
  return command;
}

void add_batch_options(CLI::App& command, int64_t& batch, int& workers) {
  command.add_option("--batch", batch, "images at a time")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command.add_option("--workers", workers, "threads that read and decode")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
}

void watch_interrupt() { std::signal(SIGINT, on_interrupt); }

bool interrupted() { return g_interrupted != 0; }

}  // namespace vitrine
