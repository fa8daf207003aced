#pragma once

#include <memory>
#include <string>

#include "models/data/dataset.hpp"

namespace vitrine {

/// cifar10:DIR and cifar100:DIR of open_dataset, which says what the folder looks like; `classes`
/// is 10 or 100.
std::shared_ptr<const Dataset> open_cifar_dataset(const std::string& folder, int classes,
                                                  Split split);

}  // namespace vitrine
