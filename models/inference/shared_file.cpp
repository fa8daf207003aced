#include "models/inference/shared_file.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// The file whose code this is: the program, or the shared library that it has loaded. The system's
/// own list of mappings has it as an absolute path, whatever the working directory has become.
fs::path own_file() {
  const auto here = reinterpret_cast<uintptr_t>(&own_file);
  std::ifstream maps("/proc/self/maps");
  // 55e0c0000000-55e0c0021000 r-xp 00000000 fe:00 1311    /usr/local/bin/vitrine
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    fields >> std::hex >> begin >> dash >> end;
    const size_t path = line.find('/');
    if (fields && here >= begin && here < end && path != std::string::npos) {
      return line.substr(path);
    }
  }
  return {};
}

/// A folder of the checkout and where `make install` puts what is in it.
struct SharedFolder {
  std::string_view checkout, installed;
};
constexpr std::array<SharedFolder, 2> kFolders = {
    {{"models/pretrained/", ""}, {"apps/recipes/", "recipes/"}}};

}  // namespace

std::string shared_file(std::string_view name) {
  const fs::path folder = own_file().parent_path();
  for (const SharedFolder& shared : kFolders) {
    if (!name.starts_with(shared.checkout)) continue;
    const fs::path rest = fs::path(shared.installed) / name.substr(shared.checkout.size());
    // build/vitrine and build/lib/libvitrine.so, build/asan/vitrine; PREFIX/bin or PREFIX/lib
    for (const fs::path& candidate :
         {folder / ".." / name, folder / "../.." / name, folder / "../share/vitrine" / rest,
          "/usr/local/share/vitrine" / rest, "/usr/share/vitrine" / rest}) {
      std::error_code ignored;
      if (fs::exists(candidate, ignored)) return candidate.lexically_normal().string();
    }
  }
  return "";
}

}  // namespace vitrine
