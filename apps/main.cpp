// The program: one command per file, exit status 0 done, 1 it failed, 2 wrong usage.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <sstream>
#include <string_view>
#include <system_error>

#include "apps/command_line/command.hpp"
#include "apps/command_line/help_format.hpp"
#include "apps/command_line/usage_error.hpp"
#include "apps/terminal/bus_error.hpp"
#include "apps/terminal/standard_streams.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/isa.hpp"
#include "core/screen_text.hpp"
#include "core/version.hpp"
#include "models/training/group.hpp"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

/// One line on standard error, whatever the text holds; where others train with this process, from
/// one of them, and all end.
int complain(const std::string& text, int status) {
  vitrine::launched_group().end_all(text, status);
  std::fprintf(stderr, "vitrine: %s\n", vitrine::screen_text(text).c_str());
  return status;
}

/// Says so once, however often memory fails again on the way out.
int out_of_memory() {
  static bool said = false;
  if (!said) std::fputs("vitrine: out of memory\n", stderr);
  said = true;
  return kFailed;
}

/// Version, and the ISAs that kernels can use here: the widest is the default.
std::string version() {
  std::string isas;
  for (const vitrine::Isa isa : vitrine::supported_isas()) {
    isas += " ";
    isas += vitrine::isa_name(isa);
  }
  return std::string("vitrine ") + vitrine::kVersion + "\nruns" + isas;
}

bool works_on_ranks(int argc, char** argv) {
  const auto is = [&](int i, std::string_view name) { return argc > i && argv[i] == name; };
  return is(1, "train") || (is(1, "bench") && is(2, "scale"));
}

/// The command that is asked for; its status.
int run(CLI::App& app, int argc, char** argv) {
  try {
    if (vitrine::launched_group().size() > 1 && !works_on_ranks(argc, argv)) {
      throw vitrine::UsageError(
          "of the commands only train and bench scale work on more than one rank");
    }
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& e) {  // a command's own status
    return e.get_exit_code();
  } catch (const CLI::Success& e) {  // --help, --version
    std::ostringstream text;
    app.exit(e, text, text);
    const std::string help = text.str();
    if (std::fwrite(help.data(), 1, help.size(), stdout) == help.size()) return 0;
    vitrine::standard_output_arrived(errno);
    return kFailed;
  } catch (const CLI::ParseError& e) {
    return complain(vitrine::usage_error(app, e), kWrongUsage);
  } catch (const vitrine::UsageError& e) {
    return complain(e.what(), kWrongUsage);
  } catch (const std::bad_alloc&) {
    vitrine::launched_group().end_all("out of memory", kFailed);
    return out_of_memory();
  } catch (const vitrine::Interrupted& e) {
    return complain(e.what(), vitrine::kInterrupted);
  } catch (const std::system_error& e) {
    if (std::ferror(stdout) == 0) return complain(e.what(), kFailed);
    vitrine::standard_output_arrived(e.code().value());
    return kFailed;
  } catch (const std::exception& e) {
    return complain(e.what(), kFailed);
  }
  return 0;
}

/// Instead of std::terminate's own: destructors of nlohmann's values ask for memory, and where
/// there is none they end the program.
[[noreturn]] void end_program() {
  const auto no_memory = [] {
    try {
      if (const auto cause = std::current_exception(); cause != nullptr) {
        std::rethrow_exception(cause);
      }
    } catch (const std::bad_alloc&) {
      return true;
    } catch (...) {
      return false;
    }
    return false;
  };
  if (!no_memory()) std::abort();  // a mistake of ours: a core file tells more
  std::_Exit(out_of_memory());
}

}  // namespace

int main(int argc, char** argv) try {
  vitrine::watch_bus_errors();
  vitrine::open_standard_streams();
  vitrine::launched_group();
  std::set_terminate(end_program);
  CLI::App app{"Vitrine: vision transformers that train and infer on the CPU", "vitrine"};
  app.formatter(std::make_shared<vitrine::HelpFormat>());
  app.set_version_flag("--version", version);
  app.require_subcommand(1);
  vitrine::add_train(app);
  vitrine::add_eval(app);
  vitrine::add_classify(app);
  vitrine::add_features(app);
  vitrine::add_inspect(app);
  vitrine::add_convert(app);
  vitrine::add_quantize(app);
  vitrine::add_visualize(app);
  vitrine::add_bench(app);
  vitrine::add_study(app);
  const int status = run(app, argc, argv);
  vitrine::launched_group().leave();
  // What was printed must have arrived: a full disk is a failure.
  return status == 0 && !vitrine::standard_output_arrived() ? kFailed : status;
} catch (...) {  // no memory to declare the options, or to complain
  return out_of_memory();
}
