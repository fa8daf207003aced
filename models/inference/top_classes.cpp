#include "models/inference/top_classes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "ops/softmax.hpp"
#include "ops/unary.hpp"

namespace vitrine {

TopClasses top_classes(const Tensor& logits, int64_t k, ClassProbabilities how) {
  check_rank_at_least("top_classes", "logits", logits, 2);
  check(k >= 1, "top_classes", "k must be at least 1");
  const bool each = how == ClassProbabilities::kSigmoid;
  const Tensor probabilities = each ? sigmoid(logits) : softmax(logits, -1);  // (B, C)
  const int64_t classes = logits.dim(1);
  const int64_t kept = std::min(k, classes);
  // A total order: NaN may not contradict itself.
  const auto before = [](const ClassProbability& a, const ClassProbability& b) {
    const double x = std::isnan(a.probability) ? -1 : a.probability;
    const double y = std::isnan(b.probability) ? -1 : b.probability;
    return x > y || (x == y && a.index < b.index);
  };
  TopClasses result;
  ReusedVector<ClassProbability> all(static_cast<size_t>(classes));
  for (int64_t i = 0; i < logits.dim(0); ++i) {
    const float* row = probabilities.data() + i * classes;
    for (int64_t c = 0; c < classes; ++c) all[static_cast<size_t>(c)] = {c, double{row[c]}};
    std::partial_sort(all.begin(), all.begin() + kept, all.end(), before);
    result.emplace_back(all.begin(), all.begin() + kept);
  }
  return result;
}

std::string class_label(const Model& model, int64_t index) {
  if (model.labels.empty()) return fmt::format("class {}", index);
  return model.labels[static_cast<size_t>(index)];
}

}  // namespace vitrine
