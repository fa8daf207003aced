#include "core/formats/home_path.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace vitrine {
namespace {

/// $HOME, or else what the system knows of the user; "" if nobody knows.
std::string home() {
  const char* named = std::getenv("HOME");
  if (named != nullptr && *named != '\0') return named;
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  if (getpwuid_r(getuid(), &entry, text.data(), text.size(), &found) != 0) return "";
  return found == nullptr || found->pw_dir == nullptr ? "" : found->pw_dir;
}

}  // namespace

std::string home_path(std::string_view path) {
  if (path != "~" && !path.starts_with("~/")) return std::string(path);
  const std::string folder = home();
  return folder.empty() ? std::string(path) : folder + std::string(path.substr(1));
}

}  // namespace vitrine
