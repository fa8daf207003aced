#pragma once

#include <functional>

#include "tests/golden/compare.hpp"

namespace vitrine::golden {

struct SandboxLimits {
  double seconds;       ///< of processor time
  double resident_mib;  ///< memory beyond what the runner itself holds
};

/// Runs `body` in a child process in an empty folder and adds its failures to `result`. Further
/// failures: an exception, a signal, a limit that is exceeded, a file that was written. Sanitizers
/// slow down and enlarge a program, so that limits do not count under them (hanging still does).
void run_in_sandbox(const SandboxLimits& limits, Result& result,
                    const std::function<void(Result&)>& body);

}  // namespace vitrine::golden
