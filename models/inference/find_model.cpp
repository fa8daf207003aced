#include "models/inference/find_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "core/error.hpp"
#include "core/formats/folder_entries.hpp"
#include "core/text/nearest_name.hpp"
#include "models/inference/shared_file.hpp"

namespace vitrine {

namespace fs = std::filesystem;
std::string shipped_model() {
  const std::string file = shared_file("models/pretrained/fashion_vit.safetensors");
  if (!file.empty()) return file;
  throw IoError("fashion_vit.safetensors",
                "the shipped model is not near the program; name a model's file");
}

namespace {

/// "; did you mean X?": what lies where `name` would, or the shipped model.
std::string nearest_model(const std::string& name) {
  constexpr size_t kMost = 1000;  // a folder of pictures would take long
  const fs::path folder = fs::path(name).parent_path();
  std::vector<std::string> known;
  if (folder.empty()) known.emplace_back("fashion_vit");
  // No folder, no names.
  [[maybe_unused]] const auto unread =
      for_each_entry(folder.empty() ? "." : folder.string(), [&](const std::string& there) {
        known.push_back(there);
        return known.size() < kMost;
      });
  std::ranges::sort(known);  // of two that are as near the same one everywhere
  const std::string nearest = nearest_name(fs::path(name).filename().string(), known);
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", (folder / nearest).string());
}

}  // namespace

std::string find_model(const std::string& name) {
  if (name.empty()) return shipped_model();
  std::error_code ignored;
  if (fs::exists(name, ignored)) return name;
  if (name == "fashion_vit") return shipped_model();
  throw UsageError(
      fmt::format("model '{}': neither a file, nor a folder, nor the shipped "
                  "fashion_vit{}",
                  name, nearest_model(name)));
}

}  // namespace vitrine
