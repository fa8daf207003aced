#include "models/inference/confused_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.hpp"

namespace vitrine {

std::vector<ConfusedPair> confused_pairs(std::span<const int64_t> confusion, int64_t classes,
                                         size_t most) {
  if (static_cast<int64_t>(confusion.size()) != classes * classes) {
    throw ShapeError(fmt::format("[confused_pairs] confusion must be ({}, {}), got {} numbers",
                                 classes, classes, confusion.size()));
  }
  std::vector<ConfusedPair> pairs;
  for (int64_t truth = 0; truth < classes; ++truth) {
    const auto row =
        confusion.subspan(static_cast<size_t>(truth * classes), static_cast<size_t>(classes));
    const int64_t of = std::accumulate(row.begin(), row.end(), int64_t{0});
    for (int64_t other = 0; other < classes; ++other) {
      const int64_t count = row[static_cast<size_t>(other)];
      if (other != truth && count > 0) pairs.push_back({truth, other, count, of});
    }
  }
  const auto before = [](const ConfusedPair& a, const ConfusedPair& b) {
    // Of equal counts the smaller class has the larger share.
    if (a.count != b.count) return a.count > b.count;
    if (a.of != b.of) return a.of < b.of;
    return a.truth != b.truth ? a.truth < b.truth : a.prediction < b.prediction;
  };
  const auto wanted = static_cast<std::ptrdiff_t>(std::min(most, pairs.size()));
  std::partial_sort(pairs.begin(), pairs.begin() + wanted, pairs.end(), before);
  pairs.resize(static_cast<size_t>(wanted));
  return pairs;
}

}  // namespace vitrine
