#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/dataset.hpp"

namespace vitrine {

/// How far the classes of a data set must be those of a model.
enum class ClassMatch {
  kSame,  ///< each is on both sides
  kSome,  ///< pictures of some of the model's classes: enough to judge it
};

/// A data set with the labels of a model, and what people should know.
struct MatchedDataset {
  std::shared_ptr<const Dataset> data;
  std::vector<std::string> notes;
};

/// `data`, called `name`, as a model sees it that has `classes` classes called `model_names` (empty
/// if it does not say): label c is the model's class c. By name, where both sides know the names;
/// otherwise both must have as many classes, which are taken in their order, and a note says so.
/// Numbers in place of names ("0", "1", ...) are none beside data that number their classes
/// themselves. Throws UsageError that names what does not fit.
MatchedDataset match_classes(const std::shared_ptr<const Dataset>& data, const std::string& name,
                             const std::vector<std::string>& model_names, int64_t classes,
                             ClassMatch match);

}  // namespace vitrine
