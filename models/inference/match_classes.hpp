#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/data/dataset.hpp"
#include "models/weights/model.hpp"

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

/// What a model says of its classes.
struct ModelClasses {
  int64_t count = 0;
  std::vector<std::string> names = {};  ///< empty if it does not say
  ClassOrder order = ClassOrder::kOwn;  ///< of classes without names
};
ModelClasses classes_of(const Model& model);

/// `data`, called `name`, as a model sees it: label c is the model's class c. By name, where both
/// sides know the names; otherwise both must have as many classes, which are taken in their order
/// (that of the model's program, unless the data number their classes themselves), and a note says
/// so. Numbers in place of names ("0", "1", ...) are none beside data that number their classes
/// themselves, "LABEL_0", ... never. Throws UsageError that names what does not fit.
MatchedDataset match_classes(const std::shared_ptr<const Dataset>& data, const std::string& name,
                             const ModelClasses& model, ClassMatch match);

}  // namespace vitrine
