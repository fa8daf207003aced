#include "models/find_model.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/error.hpp"

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

}  // namespace

std::string shipped_model() {
  const fs::path folder = own_file().parent_path();
  // build/vitrine and build/lib/libvitrine.so, build/asan/vitrine; PREFIX/bin or PREFIX/lib
  for (const char* candidate :
       {"../models/pretrained", "../../models/pretrained", "../share/vitrine",
        "/usr/local/share/vitrine", "/usr/share/vitrine"}) {
    const fs::path file = folder / candidate / "fashion_vit.safetensors";
    std::error_code ignored;
    if (fs::exists(file, ignored)) return file.lexically_normal().string();
  }
  throw IoError(folder.string(),
                "the shipped model fashion_vit.safetensors is not near; name a model's file");
}

std::string find_model(const std::string& name) {
  if (name.empty()) return shipped_model();
  std::error_code ignored;
  if (fs::exists(name, ignored)) return name;
  if (name == "fashion_vit") return shipped_model();
  throw UsageError(
      fmt::format("model '{}': neither a file, nor a folder, nor the shipped fashion_vit", name));
}

}  // namespace vitrine
