#include "apps/command_line/picture_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>

#include "core/error.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

void make_folder(const std::string& option, const std::string& out) {
  std::error_code error;
  fs::create_directories(out, error);
  if (!fs::is_directory(out)) {
    throw UsageError(fmt::format("{} {}: cannot be made a folder: {}", option, out,
                                 error ? error.message() : "a file is in its place"));
  }
}

// Whether `out` names a PNG file; a folder if not.
bool names_file(const std::string& option, const std::string& out) {
  if (fs::is_directory(out)) return false;
  const std::string extension = lower_extension(out);
  if (extension.empty() || extension == ".") return false;
  if (extension != ".png") {
    throw UsageError(fmt::format("{} {}: pictures are written as PNG; name it {}", option, out,
                                 fs::path(out).replace_extension(".png").string()));
  }
  const fs::path folder = fs::path(out).parent_path();
  if (!folder.empty() && !fs::is_directory(folder)) {
    throw UsageError(fmt::format("{} {}: there is no folder {}", option, out, folder.string()));
  }
  return true;
}

}  // namespace

std::string picture_path(const std::string& option, const std::string& out,
                         const std::string& name) {
  if (out.empty()) return name;
  if (names_file(option, out)) return out;
  make_folder(option, out);
  return (fs::path(out) / name).string();
}

std::vector<std::string> picture_paths(const std::string& option, const std::string& out,
                                       const std::vector<std::string>& files,
                                       const std::string& ending) {
  std::vector<std::string> paths;
  if (!out.empty() && names_file(option, out)) {
    if (files.size() == 1) return {out};
    for (size_t i = 0; i < files.size(); ++i) {
      const fs::path stem = fs::path(out).replace_extension();
      paths.push_back(fmt::format("{}-{}.png", stem.string(), i + 1));
    }
    return paths;
  }
  if (!out.empty()) make_folder(option, out);
  std::set<std::string> taken;
  for (const std::string& file : files) {
    const std::string stem = fs::path(file).stem().string();
    std::string name = stem + ending;
    for (int64_t i = 2; !taken.insert(name).second; ++i) {
      name = fmt::format("{}-{}{}", stem, i, ending);
    }
    paths.push_back((fs::path(out) / name).string());
  }
  return paths;
}

void make_picture_folder(const std::string& option, const std::string& out) {
  const std::string extension = lower_extension(out);
  if (!fs::is_directory(out) &&
      (extension == ".png" || extension == ".jpg" || extension == ".jpeg")) {
    throw UsageError(fmt::format("{} {}: several files are written; name a folder", option, out));
  }
  make_folder(option, out);
}

}  // namespace vitrine
