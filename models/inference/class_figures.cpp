#include "models/inference/class_figures.hpp"

namespace vitrine {
namespace {

/// The mean with a weight for each class.
template <class F>
MeanFigures mean_by(std::span<const ClassFigures> classes, const F& weight_of) {
  MeanFigures mean;
  double sum = 0;
  for (const ClassFigures& c : classes) {
    const double weight = weight_of(c);
    mean.precision += weight * c.precision();
    mean.recall += weight * c.recall();
    mean.f1 += weight * c.f1();
    sum += weight;
  }
  if (sum == 0) return {};
  return {mean.precision / sum, mean.recall / sum, mean.f1 / sum};
}

}  // namespace

std::vector<ClassFigures> class_figures(std::span<const int64_t> confusion, int64_t classes) {
  std::vector<ClassFigures> figures(static_cast<size_t>(classes));
  for (size_t label = 0; label < figures.size(); ++label) {
    for (size_t predicted = 0; predicted < figures.size(); ++predicted) {
      const int64_t count = confusion[label * figures.size() + predicted];
      figures[label].support += count;
      figures[predicted].predicted += count;
      if (label == predicted) figures[label].correct = count;
    }
  }
  return figures;
}

MeanFigures macro_mean(std::span<const ClassFigures> classes) {
  return mean_by(classes, [](const ClassFigures& c) { return c.occurs() ? 1.0 : 0.0; });
}

MeanFigures weighted_mean(std::span<const ClassFigures> classes) {
  return mean_by(classes, [](const ClassFigures& c) { return static_cast<double>(c.support); });
}

}  // namespace vitrine
