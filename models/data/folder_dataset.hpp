#pragma once

#include <memory>
#include <string>

#include "models/data/dataset.hpp"

namespace vitrine {

/// folder:DIR of open_dataset. Each class is a folder in DIR, or in DIR/<part>
/// (models/data/part_names.hpp); its pictures lie in it and below it
/// (models/data/picture_files.hpp). A folder with the name of a part is one if it holds folders of
/// pictures; if it holds pictures, it is a class of that name. What could be either, or is there
/// under two names, is refused. A class may be empty except where it is to be learned.
std::shared_ptr<const Dataset> open_folder_dataset(const std::string& folder, Split split);

/// The parts of folder:DIR: a folder for each. Throws IoError.
DatasetParts folder_parts(const std::string& folder);

}  // namespace vitrine
