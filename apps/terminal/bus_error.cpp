#include "apps/terminal/bus_error.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string_view>

namespace vitrine {
namespace {

std::atomic_flag g_said = ATOMIC_FLAG_INIT;

/// Calls only what a handler may call. Several threads may come here; the first one says it.
void on_bus_error(int) {
  while (g_said.test_and_set()) ::pause();
  constexpr std::string_view kText =
      "vitrine: a file in use became shorter or cannot be read any more: was it written over? Put "
      "new files in the place of old ones by renaming them\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(1);
}

}  // namespace

void watch_bus_errors() { std::signal(SIGBUS, on_bus_error); }

}  // namespace vitrine
