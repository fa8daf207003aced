#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vitrine {

/// Pictures of one class that were taken for another.
struct ConfusedPair {
  int64_t truth = 0, prediction = 0;
  int64_t count = 0;
  int64_t of = 0;  ///< pictures of the true class
};

/// The pairs of classes that are confused most often, the most frequent first; of equally frequent
/// ones those with the larger share of their true class, then in the order of the classes.
///   confusion  (classes, classes): [truth][prediction]
///   most       so many at most
/// Throws ShapeError if there are not classes x classes counts.
std::vector<ConfusedPair> confused_pairs(std::span<const int64_t> confusion, int64_t classes,
                                         size_t most);

}  // namespace vitrine
