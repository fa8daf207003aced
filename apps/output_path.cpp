#include "apps/output_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "core/error.hpp"

namespace vitrine {

namespace fs = std::filesystem;

bool names_a_file(const std::string& path) {
  std::error_code ignored;
  const std::string ending = fs::path(path).extension().string();
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  return ending.size() > 1 && std::isalpha(static_cast<unsigned char>(ending[1])) != 0 &&
         std::all_of(ending.begin() + 1, ending.end(), plain) && !fs::is_directory(path, ignored);
}

void require_folder(const std::string& what, const std::string& path, const std::string& why) {
  if (!names_a_file(path)) return;
  throw UsageError(
      fmt::format("{} {}: {}; name a folder (with a slash behind it, if it is to be called so)",
                  what, path, why));
}

}  // namespace vitrine
