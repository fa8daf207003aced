#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/data/passed_over.hpp"

namespace vitrine {

/// What stands behind the last dot, in small letters (A to Z alone); "" if there is no dot.
std::string extension_of(std::string_view name);

/// The extensions of pictures, for people.
inline constexpr const char* kPictureExtensions = ".jpg, .jpeg, .jpe, .jfif or .png";

/// Whether the name is one of a picture, capitals or not.
bool is_picture_name(std::string_view name);

/// A folder's own content, sorted by name (code points). Hidden names, whose first character is a
/// dot, are left out and counted.
struct FolderContent {
  std::vector<std::string> folders;   ///< links to folders too
  std::vector<std::string> pictures;  ///< regular files with the name of a picture
};
/// Throws IoError if the folder cannot be read. Nothing is opened.
FolderContent read_folder(const std::string& folder, PassedOver& passed_over);

/// Every picture in `folder` and below it, as paths, folder by folder. Links are followed, but no
/// folder is read twice, and none that `folder` lies in: loops end.
/// Source: torchvision's ImageFolder, which walks down in this order.
std::vector<std::string> pictures_below(const std::string& folder, PassedOver& passed_over);

/// Whether there is one. Throws IoError.
bool has_pictures_below(const std::string& folder);

}  // namespace vitrine
