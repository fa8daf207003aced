#include "models/find_model.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.hpp"
#include "models/shared_file.hpp"

namespace vitrine {

namespace fs = std::filesystem;
std::string shipped_model() {
  const std::string file = shared_file("models/pretrained/fashion_vit.safetensors");
  if (!file.empty()) return file;
  throw IoError("fashion_vit.safetensors",
                "the shipped model is not near the program; name a model's file");
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
