#include "models/stratified_split.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/shuffle.hpp"

namespace vitrine {

TwoParts stratified_split(std::span<const int32_t> labels, double fraction, Random random) {
  const auto n = static_cast<int64_t>(labels.size());
  std::vector<int64_t> items(labels.size());
  std::iota(items.begin(), items.end(), int64_t{0});
  shuffle(items, random);
  std::ranges::stable_sort(items, {}, [&](int64_t i) { return labels[static_cast<size_t>(i)]; });

  const int64_t count = std::llround(fraction * static_cast<double>(n));
  std::vector<bool> chosen(labels.size(), false);
  for (int64_t j = 0; j < count; ++j) {
    // The middle of the j-th of `count` equal parts.
    const int64_t at = (2 * j + 1) * n / (2 * count);
    chosen[static_cast<size_t>(items[static_cast<size_t>(at)])] = true;
  }
  TwoParts parts;
  for (int64_t i = 0; i < n; ++i) {
    (chosen[static_cast<size_t>(i)] ? parts.chosen : parts.rest).push_back(i);
  }
  return parts;
}

}  // namespace vitrine
