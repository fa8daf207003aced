#include "models/folder_dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "core/error.hpp"
#include "models/class_names.hpp"
#include "models/picture_list.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_picture_name(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return false;
  std::string extension = name.substr(dot + 1);
  std::ranges::transform(extension, extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return extension == "jpg" || extension == "jpeg" || extension == "png";
}

/// Names in `folder` that `wanted` likes, sorted by their bytes.
template <class F>
std::vector<std::string> names_in(const std::string& folder, const F& wanted) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.front() != '.' && wanted(*entry, name)) names.push_back(name);
  }
  if (error) throw IoError(folder, fmt::format("cannot read the folder: {}", error.message()));
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> class_folders(const std::string& folder) {
  auto names = names_in(folder, [](const fs::directory_entry& entry, const std::string&) {
    std::error_code ignored;
    return entry.is_directory(ignored);
  });
  for (const std::string& name : names) check_class_name(name, folder);
  return names;
}

std::vector<std::string> picture_files(const std::string& folder) {
  return names_in(folder, [](const fs::directory_entry& entry, const std::string& name) {
    std::error_code ignored;
    return is_picture_name(name) && entry.is_regular_file(ignored);
  });
}

/// The pictures of every class folder in `root`, each of which is one of `classes`.
PictureList list(const std::string& root, const std::vector<std::string>& classes) {
  PictureList listing;
  for (const std::string& name : class_folders(root)) {
    const auto found = std::ranges::lower_bound(classes, name);
    if (found == classes.end() || *found != name) {
      throw FormatError(FormatKind::kMismatch, root, -1,
                        fmt::format("class '{}' is not among those of the training part", name));
    }
    const std::string folder = fmt::format("{}/{}", root, name);
    const auto files = picture_files(folder);
    if (files.empty()) throw IoError(folder, "no .jpg, .jpeg or .png files in this class");
    for (const std::string& file : files) {
      listing.files.push_back(fmt::format("{}/{}", folder, file));
      listing.labels.push_back(static_cast<int32_t>(found - classes.begin()));
    }
  }
  return listing;
}

/// DIR/test or DIR/val, whichever there is; else nothing.
std::string test_folder(const std::string& folder) {
  for (const char* name : {"/test", "/val"}) {
    if (is_folder(folder + name)) return folder + name;
  }
  return "";
}

}  // namespace

std::shared_ptr<const Dataset> open_folder_dataset(const std::string& folder, Split split) {
  if (!is_folder(folder)) throw IoError(folder, "no such folder");
  const std::string test = test_folder(folder);
  const bool has_train = is_folder(folder + "/train");
  if (!has_train && !test.empty()) {
    throw IoError(folder, fmt::format("there is {} but no train folder beside it", test));
  }
  const std::string train = has_train ? folder + "/train" : folder;
  const std::vector<std::string> classes = class_folders(train);
  if (classes.empty()) {
    throw IoError(train, "no folders in it; each class needs one, named after the class");
  }
  PictureList listing = list(split == Split::kTest && !test.empty() ? test : train, classes);
  if (test.empty()) listing = part_of(listing, split);
  if (listing.files.empty()) {
    throw IoError(folder,
                  split == Split::kTest ? "too few pictures for a test part" : "no pictures in it");
  }
  return std::make_shared<const Dataset>(std::move(listing.files), std::move(listing.labels),
                                         classes);
}

}  // namespace vitrine
