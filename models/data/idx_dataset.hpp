#pragma once

#include <memory>
#include <string>

#include "models/data/dataset.hpp"

namespace vitrine {

/// idx:DIR of open_dataset, which says what the folder looks like. Without labels.txt classes are
/// numbers, as many as the training labels have (the test labels if there are no others).
std::shared_ptr<const Dataset> open_idx_dataset(const std::string& folder, Split split);

/// fashion-mnist of open_dataset.
std::shared_ptr<const Dataset> open_fashion_mnist(Split split);

}  // namespace vitrine
