#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/data/dataset.hpp"

namespace vitrine {

/// The pictures of `data` with other labels (as many) of other classes. Throws ShapeError if there
/// are not as many, and UsageError for labels as Dataset.
std::shared_ptr<const Dataset> with_labels(std::shared_ptr<const Dataset> data,
                                           std::vector<int32_t> labels,
                                           std::vector<std::string> class_names);

/// Some of the pictures of `data`, in the order of `indices`. Throws UsageError if there is no such
/// picture, or none is left.
std::shared_ptr<const Dataset> some_of(std::shared_ptr<const Dataset> data,
                                       std::vector<int64_t> indices);

}  // namespace vitrine
