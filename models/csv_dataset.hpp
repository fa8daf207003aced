#pragma once

#include <memory>
#include <string>

#include "models/dataset.hpp"

namespace vitrine {

/// csv:PATH of open_dataset, which says what a list looks like.
std::shared_ptr<const Dataset> open_csv_dataset(const std::string& path, Split split);

}  // namespace vitrine
