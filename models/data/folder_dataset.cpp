#include "models/data/folder_dataset.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "core/error.hpp"
#include "models/data/class_names.hpp"
#include "models/data/class_order.hpp"
#include "models/data/class_places.hpp"
#include "models/data/file_dataset.hpp"
#include "models/data/part_names.hpp"
#include "models/data/picture_files.hpp"
#include "models/data/picture_list.hpp"

namespace vitrine {
namespace {

/// What lies directly in the folder.
struct Root {
  std::string path;
  DatasetParts parts;
  /// Folders that are neither a part nor could be one.
  std::vector<std::string> others;
  /// Folders with the name of a part that hold pictures.
  std::vector<std::string> pictures_in;
  std::vector<std::string> notes;

  bool has_parts() const {
    return !parts.train.empty() || !parts.validation.empty() || !parts.test.empty();
  }
  std::vector<std::string> with_pictures() const {
    std::vector<std::string> names;
    for (const std::string& name : others) {
      if (has_pictures_below(path + "/" + name)) names.push_back(name);
    }
    return names;
  }
};

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw IoError(where, what);
}

/// Whether folder `name` is a part: it holds no pictures, but folders that do.
bool is_part(Root& root, const std::string& name) {
  const std::string path = root.path + "/" + name;
  PassedOver ignored;
  const FolderContent content = read_folder(path, ignored);
  if (!content.pictures.empty()) {
    root.pictures_in.push_back(name);
    return false;
  }
  if (has_pictures_below(path)) return true;
  root.notes.push_back(fmt::format("{}: no pictures in it, passed over", path));
  return false;
}

/// Refuses what may mean two things.
void check_parts(Root& root) {
  const DatasetParts& parts = root.parts;
  if (!root.has_parts()) {
    if (root.others.empty() && !root.pictures_in.empty()) {
      refuse(root.path, fmt::format("{} holds pictures, not folders of classes: each class needs a "
                                    "folder, named after the class",
                                    fmt::join(root.pictures_in, " and ")));
    }
    return;
  }
  for (const std::string& name : root.pictures_in) {
    if (part_named(name) == Split::kTrain) {
      refuse(root.path + "/" + name,
             "it holds pictures, while the parts beside it hold folders of classes");
    }
    root.notes.push_back(fmt::format(
        "{}/{}: it holds pictures, not folders of classes: passed over", root.path, name));
  }
  const std::vector<std::string> beside = root.with_pictures();
  if (beside.empty()) return;
  const std::string one = parts.train.empty() ? parts.validation + parts.test : parts.train;
  if (parts.train.empty() || (parts.validation.empty() && parts.test.empty())) {
    refuse(root.path, fmt::format("is {} a part or a class? {} beside it hold pictures too: name "
                                  "folder:{}/{}, or give it another name",
                                  one, quoted_names(beside), root.path, one));
  }
  root.notes.push_back(
      fmt::format("{}: passed over, since they are no parts: {}", root.path, quoted_names(beside)));
}

Root look_at(const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) refuse(folder, "no such folder");
  Root root{.path = folder, .parts = {}, .others = {}, .pictures_in = {}, .notes = {}};
  PassedOver passed_over;
  const FolderContent content = read_folder(folder, passed_over);
  for (const std::string& name : content.folders) {
    const auto part = part_named(name);
    if (!part) {
      root.others.push_back(name);
    } else if (is_part(root, name)) {
      std::string& known = name_of(root.parts, *part);
      if (!known.empty()) {
        refuse(folder, fmt::format("both {} and {} are there: which one is meant?", known, name));
      }
      known = name;
    }
  }
  if (!root.has_parts() && root.others.empty() && root.pictures_in.empty()) {
    refuse(folder, "no folders in it; each class needs one, named after the class");
  }
  check_parts(root);
  if (!content.pictures.empty()) {
    root.notes.push_back(
        fmt::format("{}: {} pictures beside the folders are of no class, passed "
                    "over",
                    folder, content.pictures.size()));
  }
  if (!passed_over.empty()) {
    root.notes.push_back(fmt::format("{}: passed over: {}", folder, passed_over.text()));
  }
  return root;
}

/// The classes in `folder`, which is the root or one of its parts, by code points.
std::vector<std::string> class_folders(const Root& root, const std::string& folder) {
  PassedOver ignored;
  std::vector<std::string> names =
      root.has_parts() ? read_folder(folder, ignored).folders : root.others;
  if (!root.has_parts()) {
    names.insert(names.end(), root.pictures_in.begin(), root.pictures_in.end());
    std::ranges::sort(names);
  }
  for (const std::string& name : names) check_class_name(name, folder);
  return names;
}

/// Adds the pictures of every class in `folder`, which is one of `classes` (by code points); what
/// was left out goes to `notes`.
void add_classes(const Root& root, const std::string& folder,
                 const std::vector<std::string>& classes, bool learned, PictureList& listing,
                 std::vector<std::string>& notes) {
  PassedOver passed_over;
  std::vector<std::string> empty;
  int64_t deeper = 0;
  const size_t before = listing.files.size();
  for (const std::string& name : class_folders(root, folder)) {
    const auto found = std::ranges::lower_bound(classes, name);
    if (found == classes.end() || *found != name) {
      throw FormatError(FormatKind::kMismatch, folder, -1,
                        fmt::format("class '{}' is not among those of the training part", name));
    }
    const std::string path = fmt::format("{}/{}", folder, name);
    PassedOver here;
    const std::vector<std::string> files = pictures_below(path, here);
    if (files.empty() && learned) {
      refuse(path, fmt::format("no {} files in this class{}{}", kPictureExtensions,
                               here.empty() ? "" : "; passed over: ", here.text()));
    }
    if (files.empty()) empty.push_back(name);
    passed_over.add(here);
    for (const std::string& file : files) {
      deeper += file.find('/', path.size() + 1) == std::string::npos ? 0 : 1;
      listing.files.push_back(file);
      listing.labels.push_back(static_cast<int32_t>(found - classes.begin()));
    }
  }
  if (!passed_over.empty()) {
    notes.push_back(fmt::format("{}: passed over: {}", folder, passed_over.text()));
  }
  if (!empty.empty()) {
    notes.push_back(fmt::format("{}: no pictures of {}", folder, quoted_names(empty)));
  }
  const auto found = static_cast<int64_t>(listing.files.size() - before);
  if (deeper == found && learned && classes.size() == 1) {
    refuse(folder, fmt::format("its one class '{0}' holds folders, not pictures: if those are the "
                               "classes, name folder:{1}/{0}",
                               classes[0], folder));
  }
  if (deeper > 0) {
    notes.push_back(fmt::format("{}: {} of {} pictures lie in folders inside that of their class",
                                folder, deeper, found));
  }
}

/// The folders whose classes make up the part.
std::vector<std::string> folders_of(const Root& root, Split split) {
  if (!root.has_parts()) return {root.path};
  const DatasetParts& p = root.parts;
  const auto one = [&](const std::string& name) { return root.path + "/" + name; };
  if (split == Split::kTrain) {
    if (p.train.empty()) {
      refuse(root.path, fmt::format("there is {} but no train folder beside it",
                                    p.test.empty() ? p.validation : p.test));
    }
    return {one(p.train)};
  }
  if (split == Split::kValidation) return {one(p.validation)};
  if (split == Split::kTest) {
    const std::string& name = !p.test.empty() ? p.test : p.validation;
    return {one(name.empty() ? p.train : name)};
  }
  std::vector<std::string> all;
  for (const std::string& name : {p.train, p.validation, p.test}) {
    if (!name.empty()) all.push_back(one(name));
  }
  return all;
}

/// All classes, by code points: those of the training part where there is one.
std::vector<std::string> classes_of(const Root& root) {
  if (!root.parts.train.empty()) return class_folders(root, folders_of(root, Split::kTrain)[0]);
  std::set<std::string> all;
  for (const std::string& folder : folders_of(root, Split::kAll)) {
    for (std::string& name : class_folders(root, folder)) all.insert(std::move(name));
  }
  return {all.begin(), all.end()};
}

}  // namespace

DatasetParts folder_parts(const std::string& folder) { return look_at(folder).parts; }

std::shared_ptr<const Dataset> open_folder_dataset(const std::string& folder, Split split) {
  Root root = look_at(folder);
  if (split == Split::kValidation && root.parts.validation.empty()) return nullptr;
  DatasetFacts facts{.notes = std::move(root.notes)};
  const std::vector<std::string> sorted = classes_of(root);
  PictureList listing;
  for (const std::string& from : folders_of(root, split)) {
    add_classes(root, from, sorted, split == Split::kTrain, listing, facts.notes);
  }
  listing = part_of(listing, root.parts, split, folder, facts.notes);
  // The files stay in the order of their folders, and what is split off is what it always was.
  std::vector<std::string> classes = sorted;
  sort_classes(classes);
  std::vector<int32_t> place(classes.size());
  for (size_t i = 0; i < classes.size(); ++i) {
    place[static_cast<size_t>(std::ranges::lower_bound(sorted, classes[i]) - sorted.begin())] =
        static_cast<int32_t>(i);
  }
  for (int32_t& label : listing.labels) label = place[static_cast<size_t>(label)];
  return std::make_shared<const FileDataset>(std::move(listing.files), std::move(listing.labels),
                                             std::move(classes), std::move(facts));
}

}  // namespace vitrine
