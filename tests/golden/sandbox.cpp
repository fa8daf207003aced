#include "tests/golden/sandbox.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/error.hpp"
#include "tests/sanitized.hpp"

namespace vitrine::golden {
namespace {

namespace fs = std::filesystem;

/// The child is killed after this much real time.
constexpr unsigned kHangSeconds = 60;

/// Two nested empty folders: what is written to the inner one or to its parent is found.
struct Workplace {
  Workplace() {
    std::string pattern = (fs::temp_directory_path() / "golden_check.XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw IoError(pattern, "cannot create the folder");
    outer = pattern;
    inner = outer / "inner";
    fs::create_directory(inner);
  }
  ~Workplace() {
    std::error_code ignored;
    fs::remove_all(outer, ignored);
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  bool untouched() const {
    return fs::is_empty(inner) && std::distance(fs::directory_iterator(outer), {}) == 1;
  }

  fs::path outer, inner;
};

/// Resident memory of this process now.
int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

void write_all(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

/// The child: runs the body and writes a failure per line, then "." to say that it came to its end.
[[noreturn]] void child(int fd, const fs::path& folder, const SandboxLimits& limits,
                        const std::function<void(Result&)>& body) {
  alarm(kHangSeconds);
  Result result;
  if (chdir(folder.c_str()) != 0) result.fail("cannot change the folder");
  const int64_t before = resident_bytes();
  try {
    body(result);
  } catch (const std::exception& error) {
    result.fail(error.what());
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  constexpr double kMib = 1 << 20;
  const double grown = static_cast<double>(usage.ru_maxrss * 1024 - before) / kMib;
  const double seconds =
      static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
      1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  if (!test::kSanitized) {
    result.expect(grown <= limits.resident_mib,
                  fmt::format("took {:.0f} MiB, allowed {:.0f}", grown, limits.resident_mib));
    result.expect(seconds <= limits.seconds,
                  fmt::format("took {:.1f} s, allowed {:.1f}", seconds, limits.seconds));
  }
  std::string lines;
  for (std::string failure : result.failures()) {
    for (char& c : failure) c = c == '\n' ? ' ' : c;
    lines += failure + "\n";
  }
  write_all(fd, lines + ".");
  _exit(0);
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t n = 0;
  while ((n = read(fd, buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<size_t>(n));
  return text;
}

}  // namespace

void run_in_sandbox(const SandboxLimits& limits, Result& result,
                    const std::function<void(Result&)>& body) {
  const Workplace workplace;
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw IoError("pipe", std::strerror(errno));
  const pid_t pid = fork();
  if (pid < 0) throw IoError("fork", std::strerror(errno));
  if (pid == 0) {
    close(ends[0]);
    child(ends[1], workplace.inner, limits, body);
  }
  close(ends[1]);
  std::string text = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);

  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    result.fail(signal == SIGALRM ? fmt::format("hung: killed after {} s", kHangSeconds)
                                  : fmt::format("crashed: {}", strsignal(signal)));
  } else if (!text.ends_with('.')) {
    result.fail(fmt::format("ended early with status {}", WEXITSTATUS(status)));
  } else {
    text.pop_back();
  }
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    result.fail(text.substr(at, end - at));
    at = end + 1;
  }
  result.expect(workplace.untouched(), "wrote a file");
}

}  // namespace vitrine::golden
