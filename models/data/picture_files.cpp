#include "models/data/picture_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <set>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "core/formats/folder_entries.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

using FolderId = std::pair<dev_t, ino_t>;

FolderId id_of(const std::string& folder) {
  struct stat status = {};
  if (::stat(folder.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

/// Calls f with the content of `start` and of every folder below it; f says whether to go on.
void walk(const std::string& start, PassedOver& passed_over,
          const std::function<bool(const std::string& folder, FolderContent& content)>& f) {
  std::set<FolderId> met;
  std::error_code error;
  // A link back to where the folder lies would bring in everything beside it.
  for (fs::path above : {fs::absolute(start, error), fs::canonical(start, error)}) {
    for (; above.has_relative_path(); above = above.parent_path()) {
      met.insert(id_of(above.parent_path().string()));
    }
  }
  std::vector<std::string> left{start};
  while (!left.empty()) {
    const std::string folder = std::move(left.back());
    left.pop_back();
    if (!met.insert(id_of(folder)).second) {
      passed_over.add("links to folders met before");
      continue;
    }
    FolderContent content = read_folder(folder, passed_over);
    for (const std::string& name : content.folders)
      left.push_back(fmt::format("{}/{}", folder, name));
    if (!f(folder, content)) return;
  }
}

}  // namespace

std::string extension_of(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return "";
  std::string extension(name.substr(dot + 1));
  std::ranges::transform(extension, extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return extension;
}

bool is_picture_name(std::string_view name) {
  constexpr std::array<std::string_view, 5> kExtensions = {"jpg", "jpeg", "jpe", "jfif", "png"};
  return std::ranges::find(kExtensions, extension_of(name)) != kExtensions.end();
}

FolderContent read_folder(const std::string& folder, PassedOver& passed_over) {
  FolderContent content;
  const std::error_code error = for_each_entry(folder, [&](const std::string& name) {
    std::error_code gone;
    const fs::file_status status = fs::status(fs::path(folder) / name, gone);
    if (name.front() == '.') {
      passed_over.add("hidden");
    } else if (fs::is_directory(status)) {
      content.folders.push_back(name);
    } else if (!fs::exists(status)) {
      passed_over.add("broken links");
    } else if (!fs::is_regular_file(status)) {
      passed_over.add("not regular files");
    } else if (is_picture_name(name)) {
      content.pictures.push_back(name);
    } else {
      passed_over.add_file(name);
    }
    return true;
  });
  if (error) throw IoError(folder, fmt::format("cannot read the folder: {}", error.message()));
  std::ranges::sort(content.folders);
  std::ranges::sort(content.pictures);
  return content;
}

std::vector<std::string> pictures_below(const std::string& folder, PassedOver& passed_over) {
  std::vector<std::pair<std::string, std::vector<std::string>>> found;
  walk(folder, passed_over, [&](const std::string& where, FolderContent& content) {
    found.emplace_back(where, std::move(content.pictures));
    return true;
  });
  std::ranges::sort(found);
  std::vector<std::string> files;
  for (const auto& [where, names] : found) {
    for (const std::string& name : names) files.push_back(fmt::format("{}/{}", where, name));
  }
  return files;
}

bool has_pictures_below(const std::string& folder) {
  PassedOver ignored;
  bool found = false;
  walk(folder, ignored, [&](const std::string&, const FolderContent& content) {
    found = !content.pictures.empty();
    return !found;
  });
  return found;
}

}  // namespace vitrine
