#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "models/data/dataset.hpp"
#include "models/inference/evaluate.hpp"

namespace vitrine {

/// What an evaluation found, class by class, for people: precision, recall, F1 and number of
/// pictures, their means, the pairs of classes that are confused most often, and the worst mistakes
/// with their files. Lines fit 80 columns, files excepted, which are the last of theirs. Of more
/// than 20 classes the 20 worst by F1 are shown unless `all` are wanted. `data` is what was judged.
std::string class_report(const Evaluation& result, const Dataset& data, bool all);

/// The same for programs, of all classes: "classes" (a list in the classes' order of "class",
/// "index", "support", "predicted", "precision", "recall", "f1"), "macro" and "weighted" means,
/// "confused" ("label", "predicted", "count") and "mistakes" ("file" if it has one, "index",
/// "label", "predicted", "probability", "loss").
nlohmann::json class_record(const Evaluation& result, const Dataset& data);

}  // namespace vitrine
