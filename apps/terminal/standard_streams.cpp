#include "apps/terminal/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "apps/terminal/print.hpp"

namespace vitrine {
namespace {

/// For stdio: writes to standard error, and always says that it did.
ssize_t write_if_possible(void*, const char* text, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t written = ::write(STDERR_FILENO, text + done, bytes - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<size_t>(written);
  }
  return static_cast<ssize_t>(bytes);
}

}  // namespace

void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) != -1) continue;
    // The lowest number that is free: this one. A closed standard output is a failure, as a full
    // one is: it cannot be written.
    static_cast<void>(::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY));
  }
  std::signal(SIGPIPE, SIG_IGN);
  cookie_io_functions_t functions = {};
  functions.write = write_if_possible;
  std::FILE* remarks = fopencookie(nullptr, "w", functions);
  if (remarks == nullptr) return;
  std::setvbuf(remarks, nullptr, _IONBF, 0);
  stderr = remarks;
}

bool standard_output_arrived(int error) {
  const bool failed_before = std::ferror(stdout) != 0;
  if (std::fflush(stdout) != 0) {
    error = errno;
  } else if (!failed_before) {
    return true;
  }
  if (error == EPIPE) {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  print(stderr, "vitrine: standard output: cannot write{}\n",
        error == 0 ? "" : ": " + std::generic_category().message(error));
  return false;
}

}  // namespace vitrine
