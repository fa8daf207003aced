#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "apps/command_line/options.hpp"

namespace vitrine {

/// Options that mean the same in every command.
struct CommonOptions {
  int threads = 0;  ///< 0: VITRINE_THREADS, else what the machine gives
  bool pin = false;
  uint64_t seed = 0;
  bool seed_given = false;
  std::string isa;       ///< empty: VITRINE_ISA, else the widest
  std::string executor;  ///< empty: VITRINE_EXECUTOR, else the pool
  bool quiet = false;
  bool json = false;
};

/// Under which help lists them.
inline constexpr const char* kCommonHeading = "Common";

/// A command's work; returns the exit status.
using Work = std::function<int(const CommonOptions&)>;

/// Adds a command to the program: a name, a line of help, its own options, which its file declares
/// on what is returned. `work` is called after parsing if this command was chosen.
CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      Work work);

/// Adds a command that only has commands of its own, one of which must be named.
CLI::App& add_group(CLI::App& parent, const std::string& name, const std::string& help);

/// What people should know, a line each on standard error, unless they want quiet.
void print_notes(const std::vector<std::string>& notes, const CommonOptions& common);

/// Says on standard error how many pictures were left out since they cannot be read, and names the
/// first few, unless they want quiet. `bad` has a message for each, `which` says what they are.
void print_bad_pictures(const std::vector<std::string>& bad, const std::string& which,
                        const CommonOptions& common);

/// Declares --batch and --workers: of commands that go through a data set once.
void add_batch_options(CLI::App& command, int64_t& batch, int& workers);

// One function per command, each in a file of its name.
void add_train(CLI::App& app);
void add_eval(CLI::App& app);
void add_classify(CLI::App& app);
void add_features(CLI::App& app);
void add_inspect(CLI::App& app);
void add_convert(CLI::App& app);
void add_quantize(CLI::App& app);
void add_visualize(CLI::App& app);
void add_bench(CLI::App& app);
void add_study(CLI::App& app);

/// Exit status after Ctrl-C, as shells expect it.
inline constexpr int kInterrupted = 130;

/// From now on Ctrl-C makes throw_if_interrupted() (core/interrupt) throw, and a second one ends
/// the program: for commands whose long work asks. A SIGINT that was ignored from the start stays
/// so.
void watch_interrupt();
/// Whether the user pressed Ctrl-C since then.
bool interrupted();

}  // namespace vitrine
