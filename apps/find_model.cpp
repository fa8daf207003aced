#include "apps/find_model.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "apps/shared_file.hpp"
#include "core/error.hpp"

namespace vitrine {

namespace fs = std::filesystem;

std::string shipped_model() {
  const std::string file =
      shared_file("models/pretrained/fashion_vit.safetensors", "fashion_vit.safetensors");
  if (file.empty()) {
    throw IoError("fashion_vit.safetensors",
                  "the shipped model is not near the program; name one with --model");
  }
  return file;
}

std::string find_model(const std::string& name) {
  if (name.empty()) return shipped_model();
  if (fs::exists(name)) return name;
  if (name == "fashion_vit") return shipped_model();
  throw UsageError(
      fmt::format("--model {}: neither a file, nor a folder, nor the shipped fashion_vit", name));
}

}  // namespace vitrine
