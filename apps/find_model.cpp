#include "apps/find_model.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.hpp"

namespace vitrine {

namespace fs = std::filesystem;

std::string shipped_model() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  // build/vitrine, build/asan/vitrine, PREFIX/bin/vitrine
  for (const char* candidate : {"../models/pretrained/fashion_vit.safetensors",
                                "../../models/pretrained/fashion_vit.safetensors",
                                "../share/vitrine/fashion_vit.safetensors"}) {
    const fs::path file = folder / candidate;
    if (!error && fs::exists(file)) return file.lexically_normal().string();
  }
  throw IoError(folder.string(),
                "the shipped model fashion_vit.safetensors is not near; name one "
                "with --model");
}

std::string find_model(const std::string& name) {
  if (name.empty()) return shipped_model();
  if (fs::exists(name)) return name;
  if (name == "fashion_vit") return shipped_model();
  throw UsageError(
      fmt::format("--model {}: neither a file, nor a folder, nor the shipped fashion_vit", name));
}

}  // namespace vitrine
