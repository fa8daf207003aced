#include "apps/terminal/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>

namespace vitrine {
namespace {

constexpr int kUsualColumns = 80;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The locale's variables in the order in which they win. Looking at their text works where the
// locale itself is not installed, as in small containers.
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = environment(name);
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

bool can_redraw() {
  const std::string kind = environment("TERM");
  return isatty(STDERR_FILENO) == 1 && !kind.empty() && kind != "dumb";
}

int columns_now() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

// One system call for a whole line, so that the terminal never shows half of it. Progress that
// cannot be shown is no reason to stop the work.
void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

Terminal Terminal::standard_error() {
  const bool redraws = can_redraw();
  return {.write = write_all,
          .columns = [redraws] { return redraws ? columns_now() : 0; },
          .seconds =
              [] {
                const auto now = std::chrono::steady_clock::now().time_since_epoch();
                return std::chrono::duration<double>(now).count();
              },
          .unicode = locale_is_utf8()};
}

}  // namespace vitrine
