#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vitrine {

/// How well one class is told from the others. What is not defined, since no picture is of the
/// class or none was taken for it, counts as 0, as in scikit-learn.
struct ClassFigures {
  int64_t support = 0;    ///< pictures of the class
  int64_t predicted = 0;  ///< pictures that were taken for it
  int64_t correct = 0;    ///< both

  /// Whether anything is known of it.
  bool occurs() const { return support > 0 || predicted > 0; }
  double precision() const { return share(correct, predicted); }
  double recall() const { return share(correct, support); }
  /// Harmonic mean of precision and recall.
  double f1() const { return share(2 * correct, support + predicted); }

 private:
  static double share(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

/// Of every class.
///   confusion   (classes, classes): [label][prediction]
std::vector<ClassFigures> class_figures(std::span<const int64_t> confusion, int64_t classes);

struct MeanFigures {
  double precision = 0, recall = 0, f1 = 0;
};
/// Over the classes that occur, each alike.
MeanFigures macro_mean(std::span<const ClassFigures> classes);
/// By their pictures.
MeanFigures weighted_mean(std::span<const ClassFigures> classes);

}  // namespace vitrine
