#include "apps/shared_file.hpp"

#include <filesystem>

namespace vitrine {

namespace fs = std::filesystem;

std::string shared_file(const std::string& checkout, const std::string& installed) {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (error) return "";
  // build/vitrine, build/asan/vitrine, PREFIX/bin/vitrine
  for (const std::string& candidate :
       {"../" + checkout, "../../" + checkout, "../share/vitrine/" + installed}) {
    const fs::path file = folder / candidate;
    if (fs::exists(file, error)) return file.lexically_normal().string();
  }
  return "";
}

}  // namespace vitrine
