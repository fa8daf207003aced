#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/dataset.hpp"

namespace vitrine {

/// folder:DIR of open_dataset, which says what the folder looks like. Names that begin with a dot
/// and files that are not .jpg, .jpeg or .png (in any case) are left out; links are followed.
std::shared_ptr<const Dataset> open_folder_dataset(const std::string& folder, Split split);

}  // namespace vitrine
